"""Run the same episodes again: do they repeat, and how much does the policy's own noise change?

Two kinds of retest answer two questions. With the same random streams every outcome must come back, or the
benchmark itself cannot be trusted. With fresh policy noise some outcomes flip; their share is the noise floor,
and it says which differences between two arms are within the reach of noise alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom

from fdp_bench.stats.paired import count_pairs, exact_mcnemar
from fdp_bench.stats.proportion import Interval, wilson_interval

#: Below this a flip never happens.
NEVER = 1e-100


@dataclass(frozen=True)
class RepeatCheck:
    """Episodes run twice with the same random streams.

    Attributes:
        episodes: Number of episodes run twice.
        disagreeing: Ids of those that came out differently, sorted; empty as it should be.
        interval: Wilson 95% interval of the share of episodes that come out differently: even where none of
            the repeats did, its upper end is all that they promise about the rest.
    """

    episodes: int
    disagreeing: tuple[str, ...]
    interval: Interval

    @property
    def agrees(self) -> bool:
        """Whether every episode came out as before."""
        return not self.disagreeing


def check_repeat(first: Mapping[str, Any], again: Mapping[str, Any]) -> RepeatCheck:
    """Compare episodes that were run twice with the same random streams.

    Args:
        first: Episode id -> what came of it, anything that compares with ``==``: a success, or a whole record
            without its wall times.
        again: The same for the second time; may hold fewer episodes, which are the ones compared.

    Raises:
        ValueError: If `again` is empty or holds an episode that `first` does not.
    """
    if not again:
        raise ValueError("no episode was run again")
    unknown = sorted(again.keys() - first.keys())
    if unknown:
        raise ValueError(f"{len(unknown)} episodes were only run again, such as {unknown[0]!r}")
    disagreeing = tuple(sorted(key for key, outcome in again.items() if outcome != first[key]))
    return RepeatCheck(len(again), disagreeing, wilson_interval(len(disagreeing), len(again)))


@dataclass(frozen=True)
class NoiseFloor:
    """How often fresh policy noise alone turns a success into a failure or back.

    Attributes:
        episodes: Number of episodes run twice.
        flipped: Number of those whose success changed.
        interval: Wilson 95% interval of `rate`.
        mcnemar_p: Exact McNemar p-value that both times had the same success rate, which is true of one
            policy: a small value points at something else that changed.
    """

    episodes: int
    flipped: int
    interval: Interval
    mcnemar_p: float

    @property
    def rate(self) -> float:
        """Share of episodes that flipped, in [0, 1]."""
        return self.flipped / self.episodes

    def smallest_difference(self, n_pairs: int, *, alpha: float = 0.05) -> float:
        """Smallest difference over so many pairs that noise alone would seldom give.

        Noise flips a pair with the upper end of `interval` as its rate, so few retests do not make the floor
        look low.

        Args:
            n_pairs: Number of pairs of the comparison, >= 1.
            alpha: Chance, at most, that one policy run twice differs by that much from itself, in (0, 1).

        Returns:
            Absolute difference of two success rates, a multiple of 1 / `n_pairs`; nan where even a difference
            of 1 is not rare enough.
        """
        return noise_quantile(n_pairs, self.interval.high, alpha)


def measure_noise_floor(first: Sequence[bool], again: Sequence[bool]) -> NoiseFloor:
    """Measure the noise floor from episodes run twice, the second time with fresh policy noise.

    Args:
        first: Successes, shape (episodes,).
        again: Successes of the same episodes with fresh policy noise, in the same order.

    Raises:
        ValueError: If the lengths differ or there is no episode.
    """
    counts = count_pairs(first, again)
    flipped = counts.only_first + counts.only_second
    return NoiseFloor(
        episodes=counts.pairs,
        flipped=flipped,
        interval=wilson_interval(flipped, counts.pairs),
        mcnemar_p=exact_mcnemar(counts),
    )


def noise_quantile(n_pairs: int, flip_rate: float, alpha: float = 0.05) -> float:
    """Smallest difference that two runs of one policy reach with a chance of at most `alpha`.

    Exact: the number of flips is binomial(`n_pairs`, `flip_rate`), and each goes either way with equal chances.

    Args:
        n_pairs: Number of pairs, >= 1.
        flip_rate: Share of pairs that disagree by noise, in [0, 1].
        alpha: Chance that is called rare, in (0, 1).

    Returns:
        The absolute difference of the two success rates, in (0, 1]; nan where there is none.

    Raises:
        ValueError: If an argument is out of range.
    """
    if n_pairs < 1:
        raise ValueError(f"n_pairs {n_pairs!r} must be >= 1")
    if not 0.0 <= flip_rate <= 1.0:
        raise ValueError(f"flip_rate {flip_rate!r} is outside [0, 1]")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha {alpha!r} is outside (0, 1)")
    flips = np.arange(n_pairs + 1)
    # SciPy overflows on probabilities next to the smallest number there is.
    weights = binom.pmf(flips, n_pairs, flip_rate if flip_rate > NEVER else 0.0)

    def is_rare(excess: int) -> bool:
        # Of k flips one way and f - k the other, |2 k - f| >= excess has two equal tails.
        one_tail = binom.cdf(np.floor((flips - excess) / 2), flips, 0.5)
        return float((weights * 2 * one_tail).sum()) <= alpha

    if not is_rare(n_pairs):
        return math.nan
    low, high = 0, n_pairs
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_rare(middle) else (middle, high)
    return high / n_pairs

"""Two success rates measured on the same episodes: their difference and whether it is there at all.

Arms share their random streams, so episode i of one arm is matched with episode i of the other. Only the
pairs that disagree say anything about the difference; an interval for independent samples would throw the
pairing away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from fdp_bench.stats.proportion import Interval, wilson_interval


@dataclass(frozen=True)
class PairedCounts:
    """The 2x2 table of two arms on the same episodes.

    Attributes:
        both: Pairs in which both arms succeeded.
        only_first: Pairs in which only the first arm succeeded.
        only_second: Pairs in which only the second arm succeeded.
        neither: Pairs in which both failed.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    def __post_init__(self) -> None:
        """Refuse counts below zero."""
        if min(self.both, self.only_first, self.only_second, self.neither) < 0:
            raise ValueError(f"counts of pairs must be >= 0: {self}")

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """First rate minus second rate, in [-1, 1]; nan without pairs."""
        return (self.only_first - self.only_second) / self.pairs if self.pairs else math.nan


def count_pairs(first: Sequence[bool], second: Sequence[bool]) -> PairedCounts:
    """Tabulate matched outcomes.

    Args:
        first: Successes of the first arm, shape (pairs,).
        second: Successes of the second arm on the same episodes, in the same order.

    Raises:
        ValueError: If the lengths differ.
    """
    outcomes = list(zip(first, second, strict=True))
    return PairedCounts(
        both=sum(bool(a and b) for a, b in outcomes),
        only_first=sum(bool(a and not b) for a, b in outcomes),
        only_second=sum(bool(b and not a) for a, b in outcomes),
        neither=sum(not a and not b for a, b in outcomes),
    )


def paired_difference_interval(counts: PairedCounts, confidence: float = 0.95) -> Interval:
    r"""Interval of the first rate minus the second, Newcombe's square-and-add (method 10).

    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", Statistics in Medicine 17 (1998) 2635-2650. With Wilson intervals (l1, u1), (l2, u2) of the
    rates p1, p2:

        low  = d - sqrt((p1 - l1)^2 - 2 phi (p1 - l1)(u2 - p2) + (u2 - p2)^2)
        high = d + sqrt((u1 - p1)^2 - 2 phi (u1 - p1)(p2 - l2) + (p2 - l2)^2)

    where phi estimates the correlation of the pair, a positive one shrunk by half a pair.

    Chosen over Tango's score interval (Statistics in Medicine 17 (1998) 891-908) by enumerating every table
    under 256 truths (rates 0.05-0.99, four strengths of pairing) at nominal 0.95. Least and mean coverage,
    mean width:

        pairs   Newcombe 10           Tango
        10      0.930  0.969  0.601   0.930  0.979  0.652
        20      0.935  0.967  0.417   0.939  0.972  0.428
        50      0.939  0.961  0.253   0.935  0.957  0.247
        100     0.944  0.958  0.174   0.933  0.953  0.170

    Args:
        counts: The 2x2 table, at least one pair.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The interval, within [-1, 1].

    Raises:
        ValueError: If there are no pairs or `confidence` is out of range.
    """
    pairs = counts.pairs
    first_successes = counts.both + counts.only_first
    second_successes = counts.both + counts.only_second
    first_low, first_high = wilson_interval(first_successes, pairs, confidence)
    second_low, second_high = wilson_interval(second_successes, pairs, confidence)
    first_rate, second_rate = first_successes / pairs, second_successes / pairs
    correlation = _shrunk_correlation(counts)

    def combine(first_arm: float, second_arm: float) -> float:
        squares = first_arm**2 - 2 * correlation * first_arm * second_arm + second_arm**2
        return math.sqrt(max(squares, 0.0))

    low = counts.difference - combine(first_rate - first_low, second_high - second_rate)
    high = counts.difference + combine(first_high - first_rate, second_rate - second_low)
    return Interval(max(low, -1.0), min(high, 1.0))


def _shrunk_correlation(counts: PairedCounts) -> float:
    """Correlation of the paired outcomes, Newcombe's corrected phi; 0 where a margin is empty."""
    first_successes = counts.both + counts.only_first
    second_successes = counts.both + counts.only_second
    margins = (
        first_successes
        * (counts.pairs - first_successes)
        * second_successes
        * (counts.pairs - second_successes)
    )
    if margins == 0:
        return 0.0
    cross = float(counts.both * counts.neither - counts.only_first * counts.only_second)
    if cross > 0:
        cross = max(cross - counts.pairs / 2, 0.0)
    return cross / math.sqrt(margins)


def exact_mcnemar(counts: PairedCounts) -> float:
    """Two-sided p-value that both arms have the same rate: McNemar's test, exact.

    The pairs that disagree are a fair coin under the null hypothesis, so this is a binomial test on them.
    Without any such pair nothing speaks against equality: 1.

    Returns:
        The p-value, in (0, 1].
    """
    disagreeing = counts.only_first + counts.only_second
    if disagreeing == 0:
        return 1.0
    return min(1.0, float(binomtest(counts.only_first, disagreeing).pvalue))

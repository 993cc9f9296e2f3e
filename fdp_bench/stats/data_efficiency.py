"""Success over the number of demonstrations, with a band that says what it covers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t

from fdp_bench.stats.bootstrap import MIN_SEEDS
from fdp_bench.stats.proportion import Interval, wilson_interval

#: ``"seeds"``: the band covers other trainings; ``"episodes"``: other episodes of the same trainings alone.
Band = Literal["seeds", "episodes"]


@dataclass(frozen=True)
class TrainingResult:
    """What one training achieved.

    Attributes:
        demonstrations: Number of demonstrations that it was trained on, >= 1.
        training_seed: Its seed.
        successes: Number of successful episodes.
        episodes: Number of episodes, >= 1.
    """

    demonstrations: int
    training_seed: int
    successes: int
    episodes: int

    def __post_init__(self) -> None:
        """Refuse impossible counts."""
        if self.demonstrations < 1 or self.episodes < 1 or not 0 <= self.successes <= self.episodes:
            raise ValueError(f"impossible counts: {self}")


@dataclass(frozen=True)
class CurvePoint:
    """One point of the curve.

    Attributes:
        demonstrations: Number of demonstrations.
        rate: Success rate, the mean over training seeds, in [0, 1].
        low: Lower end of the band.
        high: Upper end of the band.
        band: What the band covers.
        n_seeds: Number of training seeds.
        episodes: Number of episodes of all seeds together.
    """

    demonstrations: int
    rate: float
    low: float
    high: float
    band: Band
    n_seeds: int
    episodes: int


def data_efficiency_curve(
    results: Iterable[TrainingResult], *, confidence: float = 0.95
) -> tuple[CurvePoint, ...]:
    """Collect trainings into a curve, each point with the widest claim that its seeds carry.

    From `MIN_SEEDS` seeds on, the band is Student's interval of the seeds' rates, which bootstraps of so few
    values do not reach (see `fdp_bench.stats.bootstrap_seeds`), and never narrower than Wilson's interval of all
    episodes: three seeds that agree by chance are no certainty. With fewer seeds it is Wilson's alone.

    Args:
        results: Trainings of one policy, scored under one shift.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        Points, ascending in the number of demonstrations.

    Raises:
        ValueError: If a seed occurs twice for one number of demonstrations, or `confidence` is out of range.
    """
    by_size: dict[int, dict[int, TrainingResult]] = {}
    for result in results:
        seeds = by_size.setdefault(result.demonstrations, {})
        if result.training_seed in seeds:
            raise ValueError(
                f"training seed {result.training_seed} occurs twice for {result.demonstrations} demonstrations"
            )
        seeds[result.training_seed] = result
    return tuple(
        _point([seeds[seed] for seed in sorted(seeds)], confidence) for _, seeds in sorted(by_size.items())
    )


def _point(results: list[TrainingResult], confidence: float) -> CurvePoint:
    rates = np.array([result.successes / result.episodes for result in results])
    episodes = sum(result.episodes for result in results)
    rate = float(rates.mean())
    interval = wilson_interval(sum(result.successes for result in results), episodes, confidence)
    band: Band = "episodes"
    if len(results) >= MIN_SEEDS:
        error = float(rates.std(ddof=1)) / math.sqrt(len(rates))
        reach = float(t.ppf((1.0 + confidence) / 2.0, len(rates) - 1)) * error
        low, high = min(interval.low, rate - reach), max(interval.high, rate + reach)
        interval, band = Interval(max(low, 0.0), min(high, 1.0)), "seeds"
    return CurvePoint(
        demonstrations=results[0].demonstrations,
        rate=rate,
        low=interval.low,
        high=interval.high,
        band=band,
        n_seeds=len(results),
        episodes=episodes,
    )

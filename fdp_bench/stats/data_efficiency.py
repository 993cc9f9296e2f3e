"""Success over the number of demonstrations, with a band that says what it covers."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from fdp_bench.stats.bootstrap import MIN_SEEDS
from fdp_bench.stats.proportion import Interval, wilson_interval

if TYPE_CHECKING:
    import pandas

#: ``"range"``: from the lowest to the highest training seed, no interval; ``"episodes"``: an interval that covers other
#: episodes of the same trainings.
Band = Literal["range", "episodes"]


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
        band: What the band is.
        n_seeds: Number of training seeds.
        episodes: Number of episodes of all seeds together.
        seed_rates: Success rate of each seed, in the order of the seeds.
    """

    demonstrations: int
    rate: float
    low: float
    high: float
    band: Band
    n_seeds: int
    episodes: int
    seed_rates: tuple[float, ...]


@dataclass(frozen=True)
class DataEfficiencyCurve:
    """Success over the number of demonstrations of one policy under one shift.

    Attributes:
        points: Ascending in the number of demonstrations.
        confidence: Nominal coverage of the intervals over episodes.
    """

    points: tuple[CurvePoint, ...]
    confidence: float

    @property
    def caption(self) -> str:
        """What the band is, in sentences that belong under the plot."""
        sentences = []
        over_seeds = [point for point in self.points if point.band == "range"]
        if over_seeds:
            seeds = _span(point.n_seeds for point in over_seeds)
            sentences.append(f"Band: range of {seeds} training seeds.")
        alone = [point for point in self.points if point.band == "episodes"]
        if alone:
            seeds = _span(point.n_seeds for point in alone)
            noun = "seed" if seeds == "1" else "seeds"
            where = (
                ""
                if not over_seeds
                else f" at {_listing(point.demonstrations for point in alone)} demonstrations"
            )
            sentences.append(
                f"Only {seeds} training {noun}{where}: Wilson {self.confidence:.0%} interval over "
                f"{_span(point.episodes for point in alone)} episodes, which says nothing about another training."
            )
        return " ".join(sentences)

    def to_table(self) -> "pandas.DataFrame":
        """One row a point, with the fields of `CurvePoint` as columns."""
        import pandas

        columns = list(CurvePoint.__dataclass_fields__)
        return pandas.DataFrame([asdict(point) for point in self.points], columns=columns)


def data_efficiency_curve(
    results: Iterable[TrainingResult], *, confidence: float = 0.95
) -> DataEfficiencyCurve:
    """Collect trainings into a curve, each point with what its seeds show.

    From `MIN_SEEDS` seeds on, the band is the range of the seeds' rates. It is no interval: what other seeds would give
    is said across tasks and shifts alone (`fdp_bench.stats.bootstrap_seeds`). With fewer seeds the band is Wilson's
    interval of all episodes, and the caption says so.

    Args:
        results: Trainings of one policy, scored under one shift.
        confidence: Nominal coverage of the intervals over episodes, in (0, 1).

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
    points = tuple(
        _point([seeds[seed] for seed in sorted(seeds)], confidence) for _, seeds in sorted(by_size.items())
    )
    return DataEfficiencyCurve(points, confidence)


def _point(results: list[TrainingResult], confidence: float) -> CurvePoint:
    rates = tuple(result.successes / result.episodes for result in results)
    episodes = sum(result.episodes for result in results)
    interval = wilson_interval(sum(result.successes for result in results), episodes, confidence)
    band: Band = "episodes"
    if len(results) >= MIN_SEEDS:
        interval, band = Interval(min(rates), max(rates)), "range"
    return CurvePoint(
        demonstrations=results[0].demonstrations,
        rate=sum(rates) / len(rates),
        low=interval.low,
        high=interval.high,
        band=band,
        n_seeds=len(results),
        episodes=episodes,
        seed_rates=rates,
    )


def _span(values: Iterable[int]) -> str:
    """``"3"``, or ``"3 to 5"``."""
    distinct = sorted(set(values))
    return str(distinct[0]) if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}"


def _listing(values: Iterable[int]) -> str:
    """``"10"``, ``"10 and 25"``, ``"10, 25 and 50"``."""
    *head, last = [str(value) for value in values]
    return f"{', '.join(head)} and {last}" if head else last

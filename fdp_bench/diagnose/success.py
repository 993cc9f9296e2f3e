"""Success under each condition, paired with the unaltered episodes, and against the base alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fdp_bench.api import EpisodeRecord
from fdp_bench.diagnose.conditions import AS_IT_IS, BASE_ALONE, Condition
from fdp_bench.stats import count_pairs, exact_mcnemar, holm, paired_difference_interval, wilson_interval

Records = Mapping[Condition, Sequence[EpisodeRecord]]


@dataclass(frozen=True)
class Success:
    """How often a policy succeeded under a condition.

    Attributes:
        condition: Name of the condition.
        successes: Episodes with success at any control step.
        episodes: Episodes in all; an error counts as a failure.
        errors: Episodes that ended in an error.
        low: Lower end of Wilson's 95% interval, in [0, 1].
        high: Upper end.
        fallback_share: Share of an episode's decisions that a fallback made, mean over episodes; None for a policy
            without one.
    """

    condition: str
    successes: int
    episodes: int
    errors: int
    low: float
    high: float
    fallback_share: float | None = None

    @property
    def rate(self) -> float:
        """Successes over episodes."""
        return self.successes / self.episodes


@dataclass(frozen=True)
class Difference:
    """One condition's success rate minus another's on the same episodes and noise.

    Attributes:
        condition: Name of the condition.
        against: Name of the one that it is held against.
        difference: In [-1, 1].
        low: Lower end of the 95% interval (Newcombe's method 10).
        high: Upper end.
        p: Exact McNemar, Holm-adjusted over its table.
    """

    condition: str
    against: str
    difference: float
    low: float
    high: float
    p: float


def p_text(p: float) -> str:
    """A p-value for people: three decimals, ``"<0.001"`` below."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def success_rates(records: Records) -> list[Success]:
    """Count successes under each condition."""
    found = []
    for condition, episodes in records.items():
        successes = sum(record.succeeded for record in episodes)
        interval = wilson_interval(successes, len(episodes))
        errors = sum(record.status == "error" for record in episodes)
        shares = [record.fallback_share for record in episodes if record.fallback_share is not None]
        found.append(
            Success(
                condition.name,
                successes,
                len(episodes),
                errors,
                interval.low,
                interval.high,
                sum(shares) / len(shares) if shares else None,
            )
        )
    return found


def losses_by_condition(records: Records) -> list[Difference]:
    """Each condition against the unaltered policy."""
    return _differences([(condition, AS_IT_IS) for condition in records if condition != AS_IT_IS], records)


def against_base(records: Records, secondary: Sequence[str]) -> list[Difference]:
    """The composition against its base alone: as it is, and with a secondary sense taken away.

    The base reads no secondary sense, so it does the same whatever is done to it: a composition that then does worse
    has a residual that does not step aside.
    """
    if BASE_ALONE not in records:
        return []
    touched = [
        condition for condition in records if condition.altered and set(condition.altered) <= set(secondary)
    ]
    return _differences([(condition, BASE_ALONE) for condition in (AS_IT_IS, *touched)], records)


def _differences(pairs: Sequence[tuple[Condition, Condition]], records: Records) -> list[Difference]:
    if not pairs:
        return []
    counts = [
        count_pairs(
            [record.succeeded for record in records[first]],
            [record.succeeded for record in records[second]],
        )
        for first, second in pairs
    ]
    adjusted = holm([exact_mcnemar(each) for each in counts])
    found = []
    for (first, second), count, p in zip(pairs, counts, adjusted, strict=True):
        low, high = paired_difference_interval(count)
        found.append(Difference(first.name, second.name, count.difference, low, high, float(p)))
    return found

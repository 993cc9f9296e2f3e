"""Is a candidate still good enough? The decision that a continuous-integration gate makes."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm

from fdp_bench.stats.paired import PairedCounts, paired_difference_interval
from fdp_bench.stats.proportion import Interval

#: ``"pass"``: not worse by the margin or more; ``"regressed"``: worse; ``"undecided"``: too few pairs to tell.
Verdict = Literal["pass", "regressed", "undecided"]


@dataclass(frozen=True)
class GateDecision:
    """What the pairs say about a candidate against a baseline.

    Attributes:
        verdict: ``"pass"``, ``"regressed"`` or ``"undecided"``.
        difference: Candidate's rate minus baseline's on the same episodes, in [-1, 1].
        interval: Its interval.
        margin: Loss that is not tolerated, in (0, 1].
        confidence: Nominal coverage of the interval.
        pairs: Number of pairs.
        discordant_rate: Share of pairs in which exactly one of the two succeeded.
        power: Chance that `pairs_needed` is made for.
        pairs_needed: Number of pairs, `pairs` included, that would decide with a chance of `power` if the
            rates were as observed; None once decided.
    """

    verdict: Verdict
    difference: float
    interval: Interval
    margin: float
    confidence: float
    pairs: int
    discordant_rate: float
    power: float
    pairs_needed: int | None

    @property
    def is_worse_within_margin(self) -> bool:
        """Whether it passes although it is surely worse than the baseline, by less than the margin."""
        return self.verdict == "pass" and self.interval.high < 0.0


def decide(
    counts: PairedCounts, *, margin: float = 0.10, confidence: float = 0.95, power: float = 0.8
) -> GateDecision:
    """Decide whether a candidate is non-inferior to its baseline.

    It passes if the paired interval's lower end lies above -`margin`, also where the upper end lies below 0;
    otherwise it has regressed if the upper end lies below 0; otherwise the pairs cannot tell. At 0.95 either
    wrong verdict has a nominal chance of 2.5%: to pass a candidate that is worse by the margin, and to accuse one
    that is equal.

    300 pairs pass an equal candidate against a margin of 0.10 with a chance of 0.97 where the two disagree on
    a fifth of the pairs, and of 0.69 where they disagree on half.

    Args:
        counts: The pairs, the candidate first, the baseline second: ``count_pairs(candidate, baseline)``. The
            number of pairs must not depend on their outcomes.
        margin: Loss of success rate that is not tolerated, as a fraction in (0, 1].
        confidence: Nominal two-sided coverage of the interval, in (0, 1).
        power: Chance of a decision for which `pairs_needed` is computed, in (0, 1).

    Returns:
        The decision with what it rests on.

    Raises:
        ValueError: If there is no pair or an argument is out of range.
    """
    if not 0.0 < margin <= 1.0:
        raise ValueError(f"margin {margin!r} is outside (0, 1]")
    if not 0.0 < power < 1.0:
        raise ValueError(f"power {power!r} is outside (0, 1)")
    interval = paired_difference_interval(counts, confidence)
    verdict: Verdict = "undecided"
    if interval.low > -margin:
        verdict = "pass"
    elif interval.high < 0.0:
        verdict = "regressed"
    return GateDecision(
        verdict=verdict,
        difference=counts.difference,
        interval=interval,
        margin=margin,
        confidence=confidence,
        pairs=counts.pairs,
        discordant_rate=(counts.only_first + counts.only_second) / counts.pairs,
        power=power,
        pairs_needed=None if verdict != "undecided" else _pairs_needed(counts, margin, confidence, power),
    )


def _pairs_needed(counts: PairedCounts, margin: float, confidence: float, power: float) -> int:
    """Smallest number of pairs, above the present one, whose chance of a verdict reaches `power`.

    The difference's interval is taken as normal, with the variance of a pair's outcome 1, 0 or -1; half a pair
    is added to either kind of disagreement, so that none seen does not mean none to come.
    """
    pairs = counts.pairs + 1
    only_first, only_second = counts.only_first + 0.5, counts.only_second + 0.5
    difference = (only_first - only_second) / pairs
    spread = math.sqrt((only_first + only_second) / pairs - difference**2)
    quantile = float(norm.ppf((1.0 + confidence) / 2.0))

    def decided(n_pairs: int) -> bool:
        error = spread / math.sqrt(n_pairs)
        passes = norm.cdf((difference + margin) / error - quantile)
        regresses = norm.cdf(-difference / error - quantile)
        return float(passes + regresses) >= power

    low, high = counts.pairs, counts.pairs + 1
    while not decided(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high

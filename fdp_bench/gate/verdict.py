"""From the paired table to one verdict.

An arm passes if its interval's lower end lies above minus the margin; otherwise it has regressed if the upper end lies
below 0; otherwise its pairs cannot tell. Several arms combine so that more arms make neither wrong verdict likelier:

- The whole passes only if every arm passes. A candidate that is worse by the margin in any arm would have to be passed
  wrongly in that arm, so no adjustment is needed (an intersection-union test; R. L. Berger, Technometrics 24 (1982)).
- The whole has regressed if any arm has, and there each arm is one more chance of a false alarm. So regressions are
  judged by Holm's step-down method: an arm that has regressed by itself counts only if its adjusted p-value, the
  p-value being the smallest alpha whose interval lies below 0, is below alpha as well. One that loses its verdict
  this way cannot be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fdp_bench.gate.table import Comparison
from fdp_bench.stats.gate import GateDecision, Verdict, decide
from fdp_bench.stats.multiplicity import holm
from fdp_bench.stats.paired import PairedCounts, paired_difference_interval

#: Nominal coverage of an arm's interval.
CONFIDENCE = 0.95
#: Verdict -> exit code of `fdp-bench check`.
EXIT_CODES: dict[Verdict, int] = {"pass": 0, "regressed": 1, "undecided": 3}
#: Of the range of p-values: they are found to 1e-9.
_HALVINGS = 30


@dataclass(frozen=True)
class ArmVerdict:
    """One arm of a check.

    Attributes:
        comparison: Its row of the paired table.
        decision: What its pairs say, several arms allowed for.
        p_worse: Smallest alpha whose interval lies below 0; 1 where the candidate is not behind.
        p_worse_holm: The same, Holm-adjusted over the arms.
    """

    comparison: Comparison
    decision: GateDecision
    p_worse: float
    p_worse_holm: float

    @property
    def verdict(self) -> Verdict:
        """``"pass"``, ``"regressed"`` or ``"undecided"``."""
        return self.decision.verdict


@dataclass(frozen=True)
class Judgement:
    """A whole check.

    Attributes:
        margin: Loss of success rate that is not tolerated.
        arms: Its arms, at least one.
    """

    margin: float
    arms: tuple[ArmVerdict, ...]

    @property
    def verdict(self) -> Verdict:
        """``"regressed"`` if any arm has, else ``"undecided"`` if any arm is, else ``"pass"``."""
        verdicts = {arm.verdict for arm in self.arms}
        return next((kind for kind in ("regressed", "undecided") if kind in verdicts), "pass")

    @property
    def exit_code(self) -> int:
        """Exit code of `fdp-bench check`."""
        return EXIT_CODES[self.verdict]

    @property
    def pairs_needed(self) -> int | None:
        """Pairs an arm that would likely decide every undecided arm; None where there is none."""
        return max((arm.decision.pairs_needed or 0 for arm in self.arms), default=0) or None


def judge(comparisons: Sequence[Comparison], margin: float) -> Judgement:
    """Judge the rows of a paired table.

    Args:
        comparisons: The arms, at least one, each with a pair or more.
        margin: Loss of success rate that is not tolerated, as a fraction in (0, 1].

    Raises:
        ValueError: If `margin` is out of range or there is no arm.
    """
    if not comparisons:
        raise ValueError("no arm to judge")
    alpha = 1.0 - CONFIDENCE
    p_values = [p_worse(row.counts) for row in comparisons]
    arms = []
    for row, p, adjusted in zip(comparisons, p_values, holm(p_values), strict=True):
        decision = decide(row.counts, margin=margin, confidence=CONFIDENCE)
        if decision.verdict == "regressed" and adjusted >= alpha:
            # The pairs needed are those of the strictest step, which every arm could be asked for.
            strict = decide(row.counts, margin=margin, confidence=1.0 - alpha / len(comparisons))
            decision = replace(decision, verdict="undecided", pairs_needed=strict.pairs_needed)
        arms.append(ArmVerdict(row, decision, p, adjusted))
    return Judgement(margin, tuple(arms))


def p_worse(counts: PairedCounts) -> float:
    """Smallest alpha at which the paired interval of candidate minus baseline lies below 0, in (0, 1].

    Found by halving: the upper end falls as alpha rises.
    """
    if counts.difference >= 0.0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = paired_difference_interval(counts, 1.0 - middle).high < 0.0
        low, high = (low, middle) if below else (middle, high)
    return high

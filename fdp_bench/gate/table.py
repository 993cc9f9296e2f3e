"""The paired table: one row a shift and policy, baseline against candidate on the same episodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fdp_bench.gate.pairing import Flip, PairedArm
from fdp_bench.report.cells import p_value, percent
from fdp_bench.report.names import split_shift
from fdp_bench.report.typeset import Layout, counted, detectable_text
from fdp_bench.stats.multiplicity import holm
from fdp_bench.stats.paired import PairedCounts, exact_mcnemar, paired_difference_interval
from fdp_bench.stats.proportion import Interval, wilson_interval


@dataclass(frozen=True)
class Comparison:
    """One paired arm, measured. Rates and differences are fractions.

    Attributes:
        baseline_policy: The baseline's policy string.
        candidate_policy: The candidate's.
        baseline_checkpoint: SHA-256 over the baseline's weights.
        candidate_checkpoint: SHA-256 over the candidate's weights.
        shift: Canonical shift string.
        severity: Severity of the first shift.
        counts: The 2x2 table, the candidate first.
        baseline_rate: Success rate of the baseline on the common episodes.
        baseline_interval: Its Wilson 95% interval.
        candidate_rate: Success rate of the candidate.
        candidate_interval: Its Wilson 95% interval.
        difference: Candidate minus baseline.
        interval: Its paired 95% interval, Newcombe's.
        mcnemar_p: Exact McNemar p-value.
        mcnemar_p_holm: The same, Holm-adjusted over the table.
        errors: Common episodes that ended in an error: (baseline, candidate).
        flips: Episodes whose outcome differs.
    """

    baseline_policy: str
    candidate_policy: str
    baseline_checkpoint: str
    candidate_checkpoint: str
    shift: str
    severity: float
    counts: PairedCounts
    baseline_rate: float
    baseline_interval: Interval
    candidate_rate: float
    candidate_interval: Interval
    difference: float
    interval: Interval
    mcnemar_p: float
    mcnemar_p_holm: float
    errors: tuple[int, int]
    flips: tuple[Flip, ...]

    @property
    def name(self) -> str:
        """Policy and shift, for instance ``"dp-dit, occlusion@3"``."""
        return f"{self.candidate_policy}, {self.shift}"

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        return {
            "baseline_policy": self.baseline_policy,
            "candidate_policy": self.candidate_policy,
            "baseline_checkpoint": self.baseline_checkpoint,
            "candidate_checkpoint": self.candidate_checkpoint,
            "shift": self.shift,
            "severity": self.severity,
            "pairs": self.counts.pairs,
            "both": self.counts.both,
            "lost": self.counts.only_second,
            "gained": self.counts.only_first,
            "neither": self.counts.neither,
            "discordant": self.counts.only_first + self.counts.only_second,
            "baseline_rate": self.baseline_rate,
            "baseline_interval": list(self.baseline_interval),
            "candidate_rate": self.candidate_rate,
            "candidate_interval": list(self.candidate_interval),
            "difference": self.difference,
            "difference_interval": list(self.interval),
            "mcnemar_p": self.mcnemar_p,
            "mcnemar_p_holm": self.mcnemar_p_holm,
            "errors": {"baseline": self.errors[0], "candidate": self.errors[1]},
            "flipped": [
                {"index": flip.index, "id": flip.id, "to": "success" if flip.gained else "failure"}
                for flip in self.flips
            ],
        }


def measure(arms: Sequence[PairedArm]) -> list[Comparison]:
    """Measure paired arms; those without a common episode are left out."""
    met = [arm for arm in arms if arm.pairs]
    p_values = [exact_mcnemar(arm.counts) for arm in met]
    return [
        _comparison(arm, p, adjusted) for arm, p, adjusted in zip(met, p_values, holm(p_values), strict=True)
    ]


def _comparison(arm: PairedArm, p: float, adjusted: float) -> Comparison:
    counts = arm.counts
    was, now = counts.both + counts.only_second, counts.both + counts.only_first
    return Comparison(
        baseline_policy=arm.baseline.policy,
        candidate_policy=arm.candidate.policy,
        baseline_checkpoint=arm.baseline.checkpoint,
        candidate_checkpoint=arm.candidate.checkpoint,
        shift=arm.shift,
        severity=arm.baseline.severity,
        counts=counts,
        baseline_rate=was / counts.pairs,
        baseline_interval=wilson_interval(was, counts.pairs),
        candidate_rate=now / counts.pairs,
        candidate_interval=wilson_interval(now, counts.pairs),
        difference=counts.difference,
        interval=paired_difference_interval(counts),
        mcnemar_p=p,
        mcnemar_p_holm=adjusted,
        errors=(sum(was.error for was, _ in arm.pairs), sum(now.error for _, now in arm.pairs)),
        flips=tuple(arm.flips()),
    )


def comparison_layout(
    title: str, comparisons: Sequence[Comparison], more_notes: Sequence[str] = ()
) -> Layout:
    """Typeset the paired table.

    Args:
        title: What the table holds.
        comparisons: Its rows, at least one.
        more_notes: Sentences that belong under it beside those that explain the columns.
    """
    columns: list[tuple[str, bool, list[str]]] = [
        ("policy", False, [_policies(row) for row in comparisons]),
        ("shift", False, [split_shift(row.shift)[0] for row in comparisons]),
        ("sev", True, [split_shift(row.shift)[1] for row in comparisons]),
        ("n", True, [str(row.counts.pairs) for row in comparisons]),
        ("baseline % [95%]", True, [rate(row.baseline_rate, row.baseline_interval) for row in comparisons]),
        (
            "candidate % [95%]",
            True,
            [rate(row.candidate_rate, row.candidate_interval) for row in comparisons],
        ),
        ("cand - base pp [95%]", True, [difference(row.difference, row.interval) for row in comparisons]),
        ("discordant", True, [_discordant(row.counts) for row in comparisons]),
        ("p", True, [p_value(row.mcnemar_p) for row in comparisons]),
        ("p Holm", True, [p_value(row.mcnemar_p_holm) for row in comparisons]),
    ]
    if any(sum(row.errors) for row in comparisons):
        columns.append(("err", True, [f"{row.errors[0]}/{row.errors[1]}" for row in comparisons]))
    return Layout(
        title=title,
        headers=tuple(header for header, _, _ in columns),
        numeric=tuple(numeric for _, numeric, _ in columns),
        rows=tuple(zip(*(cells for _, _, cells in columns), strict=True)),
        notes=(*_explanations(comparisons), *more_notes),
    )


def _explanations(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    fewest = min(row.counts.pairs for row in comparisons)
    return (
        "n: episodes that both have run. Rates: percent with success at any step, Wilson 95% intervals; an error "
        "counts as a failure.",
        "cand - base: candidate minus baseline in percentage points, Newcombe's paired 95% interval; discordant: "
        "pairs in which one alone succeeded, -lost +gained by the candidate; p: exact McNemar, Holm-adjusted over "
        f"{counted(len(comparisons), 'test')}.",
        detectable_text(fewest),
    )


def _policies(row: Comparison) -> str:
    if row.baseline_policy == row.candidate_policy:
        return row.candidate_policy
    return f"{row.baseline_policy} -> {row.candidate_policy}"


def rate(value: float, interval: Interval) -> str:
    """A rate with its interval in whole percent."""
    return f"{percent(value)} [{percent(interval.low)}, {percent(interval.high)}]"


def difference(value: float, interval: Interval) -> str:
    """A difference with its interval in percentage points with signs."""
    return f"{points(value)} [{points(interval.low)}, {points(interval.high)}]"


def points(fraction: float) -> str:
    """A difference in percentage points with its sign and one decimal; no sign on zero."""
    text = f"{100 * fraction:+.1f}"
    return "0.0" if float(text) == 0.0 else text


def _discordant(counts: PairedCounts) -> str:
    return f"{counts.only_first + counts.only_second} (-{counts.only_second} +{counts.only_first})"

"""A judgement in words and tables: for people, and for what reads Markdown."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from fdp_bench.gate.compared_run import ComparedRun
from fdp_bench.gate.table import Comparison, difference, points, rate
from fdp_bench.gate.verdict import CONFIDENCE, ArmVerdict, Judgement
from fdp_bench.report.cells import p_value
from fdp_bench.report.names import split_shift
from fdp_bench.report.text.markup import markdown_table, markdown_text
from fdp_bench.report.typeset import Layout, counted

_TITLES = {"pass": "passed", "regressed": "regressed", "undecided": "cannot tell"}


def headline(judgement: Judgement) -> str:
    """The verdict in one line."""
    arms = [arm for arm in judgement.arms if arm.verdict == judgement.verdict]
    told = "; ".join(f"{arm.comparison.name} {_measured(arm.comparison)}" for arm in arms)
    if judgement.verdict == "pass":
        told = f"{counted(len(arms), 'arm')}, none worse by {points(judgement.margin).lstrip('+')} points or more"
    return f"{_TITLES[judgement.verdict]}: {told}"


def arm_sentence(arm: ArmVerdict, margin: float) -> str:
    """What an arm's pairs say, in one sentence."""
    row, decision = arm.comparison, arm.decision
    told = f"{row.name}: {rate_change(row)}, difference {_measured(row)} points on {row.counts.pairs} pairs"
    limit = points(-margin)
    if decision.is_worse_within_margin:
        return f"{told}: worse, but by less than the margin ({limit})."
    if arm.verdict == "pass":
        return f"{told}: the loss is smaller than the margin ({limit})."
    if arm.verdict == "regressed":
        return f"{told}: worse (adjusted p {p_value(arm.p_worse_holm)})."
    return f"{told}: neither shown to be within the margin ({limit}) nor to be worse; {_needed(arm)}."


def rate_change(row: Comparison) -> str:
    """Both rates, for instance ``"baseline 93%, candidate 78%"``."""
    return f"baseline {100 * row.baseline_rate:.0f}%, candidate {100 * row.candidate_rate:.0f}%"


def more_episodes(judgement: Judgement, baseline: ComparedRun, command: Sequence[str], out: Path) -> str:
    """How a check that cannot tell comes to a verdict; empty for one that can.

    Args:
        judgement: The check.
        baseline: The baseline that it was held against, whole.
        command: The command line of the check.
        out: Folder of the candidate's run, which can be made longer.
    """
    needed = judgement.pairs_needed
    if needed is None:
        return ""
    held = min(len(arm.outcomes) for arm in baseline.arms)
    if needed <= held:
        kept = _without_options(command, "--episodes", "--out")
        longer = shlex.join([*kept, "--out", str(out), "--episodes", str(needed)])
        return f"Needs about {needed} episodes an arm: {longer}"
    return (
        f"Needs about {needed} episodes an arm, and the baseline holds {held}: make a longer one (fdp-bench run "
        f"--episodes {needed}, then fdp-bench baseline), or allow a larger --margin."
    )


def verdict_layout(judgement: Judgement, title: str, notes: Sequence[str] = ()) -> Layout:
    """The check as a table, one row an arm."""
    columns: list[tuple[str, bool, list[str]]] = [
        ("verdict", False, [_TITLES[arm.verdict] for arm in judgement.arms]),
        ("policy", False, [arm.comparison.candidate_policy for arm in judgement.arms]),
        ("shift", False, [split_shift(arm.comparison.shift)[0] for arm in judgement.arms]),
        ("sev", True, [split_shift(arm.comparison.shift)[1] for arm in judgement.arms]),
        ("n", True, [str(arm.comparison.counts.pairs) for arm in judgement.arms]),
        ("baseline % [95%]", True, [_baseline_rate(arm.comparison) for arm in judgement.arms]),
        ("candidate % [95%]", True, [_candidate_rate(arm.comparison) for arm in judgement.arms]),
        ("difference pp [95%]", True, [_measured(arm.comparison) for arm in judgement.arms]),
        ("lost", True, [str(arm.comparison.counts.only_second) for arm in judgement.arms]),
        ("gained", True, [str(arm.comparison.counts.only_first) for arm in judgement.arms]),
        ("p worse, Holm", True, [p_value(arm.p_worse_holm) for arm in judgement.arms]),
    ]
    return Layout(
        title=title,
        headers=tuple(header for header, _, _ in columns),
        numeric=tuple(numeric for _, numeric, _ in columns),
        rows=tuple(zip(*(cells for _, _, cells in columns), strict=True)),
        notes=(*_rules(judgement), *notes),
    )


def markdown_summary(judgement: Judgement, title: str, notes: Sequence[str] = ()) -> str:
    """The check as GitHub-flavoured Markdown: the verdict, the table, and the episodes that flipped."""
    parts = [f"## {markdown_text(title)}", f"**{markdown_text(headline(judgement))}**"]
    parts.append(markdown_table(verdict_layout(judgement, "Candidate against baseline", notes)).strip())
    flipped = [arm.comparison for arm in judgement.arms if arm.comparison.flips]
    if flipped:
        total = sum(len(row.flips) for row in flipped)
        parts.append(f"### {counted(total, 'episode')} came out differently")
        parts += [_flipped_markdown(row) for row in flipped]
    else:
        parts.append("No episode came out differently.")
    return "\n\n".join(parts) + "\n"


def flip_names(row: Comparison) -> list[str]:
    """A name for each episode of an arm that flipped, lost ones first."""
    return [
        f"episode {flip.index} ({flip.id}): {'failure -> success' if flip.gained else 'success -> failure'}"
        for flip in row.flips
    ]


def _flipped_markdown(row: Comparison) -> str:
    lines = [f"<details><summary>{_html_text(row.name)}: {len(row.flips)}</summary>", ""]
    lines += [f"- {markdown_text(name)}" for name in flip_names(row)]
    return "\n".join([*lines, "", "</details>"])


def _html_text(text: str) -> str:
    # Inside an HTML line GitHub reads no Markdown escapes.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rules(judgement: Judgement) -> tuple[str, ...]:
    margin = points(judgement.margin).lstrip("+")
    several = len(judgement.arms) > 1
    return (
        f"difference: candidate minus baseline on the same n episodes, Newcombe's paired {CONFIDENCE:.0%} interval. "
        f"passed: its lower end lies above -{margin} points; otherwise regressed: its upper end lies below 0"
        + (", Holm-adjusted over the arms" if several else "")
        + "; otherwise n episodes cannot tell."
        + (" The whole passes only if every arm does." if several else ""),
    )


def _measured(row: Comparison) -> str:
    return difference(row.difference, row.interval)


def _baseline_rate(row: Comparison) -> str:
    return rate(row.baseline_rate, row.baseline_interval)


def _candidate_rate(row: Comparison) -> str:
    return rate(row.candidate_rate, row.candidate_interval)


def _needed(arm: ArmVerdict) -> str:
    return f"about {arm.decision.pairs_needed} pairs would tell"


def _without_options(command: Sequence[str], *options: str) -> list[str]:
    """A command line without some options and their values."""
    kept: list[str] = []
    is_value = False
    for word in command:
        named = word.partition("=")[0] in options
        if not named and not is_value:
            kept.append(word)
        is_value = named and "=" not in word
    return kept

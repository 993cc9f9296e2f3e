"""How tables are shown to people: headers, alignment, rounding and footnotes, shared by all text formats."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, LEVELS
from fdp_bench.report.tables.cut_actions import cut_notes
from fdp_bench.report.tables.summary import BATCH, PROBE
from fdp_bench.stats import smallest_detectable_difference
from fdp_bench.stats.design import DISCORDANT_RATE

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]

#: Shown where a row has no such value.
EMPTY = "-"


@dataclass(frozen=True)
class Layout:
    """A table ready to be typeset.

    Attributes:
        title: What the table holds.
        headers: Header of each column.
        numeric: Whether each column is aligned to the right.
        rows: Cells as text, shape (rows, columns).
        notes: Sentences that belong under the table.
    """

    title: str
    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of a `Layout`: its header, how a row's cell is written, and whether it is a number."""

    header: str
    cell: Callable[[Row], str]
    numeric: bool = True


def summary_layouts(summary: "pandas.DataFrame") -> list[Layout]:
    """Typeset a summary, one table a task.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
    """
    records = summary.to_dict("records")
    columns = (
        Column("policy", lambda row: row["label"], numeric=False),
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", lambda row: split_shift(row["shift"])[1]),
        Column("n", lambda row: str(row["episodes"])),
        Column("success % [95%]", lambda row: _rate(row, "success_rate", "success_low", "success_high")),
        Column("held", lambda row: percent(row["success_held_rate"])),
        Column("clean", lambda row: percent(row["clean_rate"])),
        Column("drop pp [95%]", lambda row: signed(row, "paired_drop")),
        Column("p Holm", lambda row: p_value(row["mcnemar_p_holm"])),
        Column("err", lambda row: str(row["errors"])),
        Column("ms p50/p95", latency_text),
    )
    tests = summary_tests(summary)
    return [
        typeset(f"{task}: success under shifts", columns, rows, summary_notes(rows, tests))
        for task, rows in _by_task(records).items()
    ]


def comparison_layouts(comparison: "pandas.DataFrame") -> list[Layout]:
    """Typeset a comparison of policies, one table a task.

    Args:
        comparison: As `fdp_bench.report.tables.summary.compare_policies` returns it.
    """
    records = comparison.to_dict("records")
    columns = (
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", lambda row: split_shift(row["shift"])[1]),
        Column("policy A", lambda row: row["policy_a"], numeric=False),
        Column("policy B", lambda row: row["policy_b"], numeric=False),
        Column("n", lambda row: str(row["pairs"])),
        Column("A %", lambda row: percent(row["rate_a"])),
        Column("B %", lambda row: percent(row["rate_b"])),
        Column("A - B pp [95%]", lambda row: signed(row, "difference")),
        Column("p Holm", lambda row: p_value(row["mcnemar_p_holm"])),
    )
    note = (
        "A - B: difference of success on the same episodes in percentage points, with Newcombe's paired 95% "
        "interval; p: exact McNemar, Holm-adjusted over "
    )
    return [
        typeset(
            f"{task}: policy against policy under the same shift",
            columns,
            rows,
            (f"{note}{_all_of(len(records), 'comparison', len(rows))}.",),
        )
        for task, rows in _by_task(records).items()
    ]


def split_shift(shift: str) -> tuple[str, str]:
    """Split a canonical shift string into its name with options and its severity as shown.

    Returns:
        For instance ``("occlusion?kind=camera", "3")``, ``("occlusion+color", "3+2")``, ``("clean", "-")``.
    """
    if shift == CLEAN:
        return CLEAN, EMPTY
    return re.sub(r"@[0-9.e-]+", "", shift), "+".join(re.findall(r"@([0-9.e-]+)", shift))


def severity_text(severity: float) -> str:
    """A severity as people write it: ``"level 3"``, ``"severity 0.5"``, ``"clean"``."""
    if severity == 0.0:
        return CLEAN
    level = severity * LEVELS
    return f"level {level:.0f}" if abs(level - round(level)) < 1e-9 else f"severity {severity:g}"


def known(number: Any) -> bool:
    """Whether a table's cell holds a number."""
    return isinstance(number, int | float) and not math.isnan(number)


def percent(rate: float) -> str:
    """A rate in whole percent."""
    return EMPTY if math.isnan(rate) else f"{100 * rate:.0f}"


def counted(count: int, thing: str) -> str:
    """A number of things: ``"1 pair"``, ``"2 pairs"``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def p_value(value: float) -> str:
    """A p-value with three decimals."""
    if math.isnan(value):
        return EMPTY
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def detectable_text(pairs: int) -> str:
    """What a design with this many pairs can detect, as a sentence."""
    assumption = (
        f"exact McNemar, alpha 0.05 for one test, power 80%, {DISCORDANT_RATE:.0%} of pairs disagreeing"
    )
    difference = smallest_detectable_difference(pairs)
    if math.isnan(difference):
        return f"{counted(pairs, 'pair')} cannot detect any difference ({assumption})."
    points = math.ceil(100 * difference - 1e-9)
    return f"Smallest paired difference that {counted(pairs, 'pair')} detect: {points} points ({assumption})."


def typeset(
    title: str, columns: Sequence[Column], rows: Sequence[Row], notes: tuple[str, ...] = ()
) -> Layout:
    """Write out a table's cells, each as `printable` text on one line."""
    return Layout(
        title=printable(title),
        headers=tuple(printable(column.header) for column in columns),
        numeric=tuple(column.numeric for column in columns),
        rows=tuple(tuple(printable(column.cell(row)) for column in columns) for row in rows),
        notes=tuple(map(printable, notes)),
    )


def printable(text: str) -> str:
    """Text on one line without characters that are not seen but act.

    Names come from strangers' records: a line break would end a table's row, an escape sequence drive the terminal, and
    an override of the writing direction show another name than the one that was typed. Spaces of any kind become a
    blank, what else cannot be seen U+FFFD.
    """
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def _all_of(count: int, thing: str, here: int) -> str:
    """A number of things, and whether a table of one task shows but some of them."""
    return f"{counted(count, thing)} of all tasks" if count > here else counted(count, thing)


def summary_tests(summary: "pandas.DataFrame") -> int:
    """Number of tests that a summary's p-values are adjusted over."""
    return int(summary["mcnemar_p"].notna().sum())


def summary_notes(rows: list[dict[str, Any]], tests: int) -> tuple[str, ...]:
    """What a reader of a summary of one task must know, sentence by sentence."""
    shifted = [row for row in rows if row["shift"] != CLEAN]
    notes = [
        "success: percent of the n episodes with success at any step, Wilson 95% interval; held: percent "
        "with success for 10 steps in a row. An episode that ends in an error (err) counts as a failure."
    ]
    if shifted:
        notes.append(
            "clean: percent of the same episodes with success when no shift acts; drop: clean minus shifted "
            "in percentage points (+ means that the shift costs success), Newcombe's paired 95% interval; "
            f"p: exact McNemar, Holm-adjusted over {_all_of(tests, 'test', len(shifted))}."
        )
    incomplete = [row for row in shifted if row["pairs"] < row["episodes"]]
    if incomplete:
        missing = sum(row["episodes"] - row["pairs"] for row in incomplete)
        episodes = counted(missing, "shifted episode")
        notes.append(f"{episodes} without a clean twin yet; drop and clean leave them out.")
    notes += cut_notes(rows) + latency_notes(rows)
    if trained := training_text(rows):
        notes.append(f"Trained on {trained}.")
    notes.append(
        "Training seeds: 1 a row, so nothing here says how much another training run of a policy would "
        "differ."
    )
    pairs = [row["pairs"] for row in shifted if row["pairs"]] or [row["episodes"] for row in rows]
    notes.append(detectable_text(min(pairs)))
    return tuple(notes)


def training_text(rows: Sequence[Row]) -> str:
    """What all policies of a task were trained on that no name tells; empty where nobody knows.

    Returns:
        For instance ``"180 demonstrations each, with steps=10000"``.
    """
    trained = [row for row in rows if known(row["train_demos"])]
    if not trained:
        return ""
    least, most = (int(pick(row["train_demos"] for row in trained)) for pick in (min, max))
    text = f"{counted(most, 'demonstration')} each" if least == most else f"{least} to {most} demonstrations"
    shared = set.intersection(*({*row["variant"].split(",")} - {""} for row in trained))
    if shared:
        text += f", with {', '.join(sorted(shared))}"
    names = {row["label"] for row in trained}
    return (
        text if len(names) == len({row["label"] for row in rows}) else f"{text} ({', '.join(sorted(names))})"
    )


def _by_task(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    tasks: dict[str, list[dict[str, Any]]] = {}
    for row in records:
        tasks.setdefault(row["task"], []).append(row)
    return tasks


def _rate(row: Row, rate: str, low: str, high: str) -> str:
    return f"{percent(row[rate])} [{percent(row[low])}, {percent(row[high])}]"


def signed(row: Row, name: str) -> str:
    """A difference in percentage points with its interval; `EMPTY` where there is none."""
    if math.isnan(row[name]):
        return EMPTY
    value, low, high = (_points(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _points(fraction: float) -> str:
    """A difference in whole percentage points with its sign; no sign on zero."""
    points = round(100 * fraction)
    return f"{points:+d}" if points else "0"


def latency_notes(rows: list[dict[str, Any]]) -> list[str]:
    """What the latency column holds; nothing where it holds nothing."""
    of = {
        PROBE: "one decision for a single episode, unpadded, probed before the run on its machine",
        BATCH: "one decision as an episode waited for it in the run, batched with its neighbours",
    }
    found = {source: {row["label"] for row in rows if row["inference_source"] == source} for source in of}
    named = [source for source in of if found[source]]
    if len(named) < 2:
        what = [of[source] for source in named]
    else:
        what = [f"{of[source]} ({', '.join(sorted(found[source]))})" for source in named]
    return [f"ms: wall time of {'; of '.join(what)}; median and 95th percentile."] if what else []


def latency_text(row: Row) -> str:
    """Median and 95th percentile of a decision's wall time, milliseconds."""
    if math.isnan(row["inference_p50_ms"]):
        return EMPTY
    return "/".join(_milliseconds(row[name]) for name in ("inference_p50_ms", "inference_p95_ms"))


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"

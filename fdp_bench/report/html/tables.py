"""Tables for the page: cells with what they are sorted by, and the interval of a rate as a small drawing."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN
from fdp_bench.report.typeset import (
    EMPTY,
    THIS_REPORT,
    Layout,
    has_bases,
    known,
    latency_text,
    p_value,
    percent,
    split_shift,
    summary_notes,
    summary_tests,
)

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]

_NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Span:
    """A rate with its interval, to be drawn; all in percent.

    Attributes:
        rate: The rate.
        low: Lower end.
        high: Upper end.
        clean: The same arm's rate without a shift; None on clean rows.
        base: What the policy's base does alone under the same shift; None where there is none, or it was not run.
    """

    rate: float
    low: float
    high: float
    clean: float | None = None
    base: float | None = None


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What stands in it.
        detail: Said more quietly behind it, an interval for instance.
        order: What a numeric column is sorted by, as text for an attribute; empty sorts last.
        span: Drawn in it.
        strong: Whether it is what the row is about.
    """

    text: str
    detail: str = ""
    order: str = ""
    span: Span | None = None
    strong: bool = False


@dataclass(frozen=True)
class PageTable:
    """A table of the page.

    Attributes:
        title: Its caption.
        headers: Text of each column's header.
        numeric: Whether each column holds numbers.
        rows: Cells.
        notes: Sentences below it.
    """

    title: str
    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]

    @property
    def turns(self) -> frozenset[int]:
        """Numbers of the rows at which another shift begins, or another task in a table whose columns are shifts."""
        for header in ("shift", "task"):
            if header in self.headers:
                place = self.headers.index(header)
                names = [row[place].text for row in self.rows]
                return frozenset(
                    number for number in range(1, len(names)) if names[number] != names[number - 1]
                )
        return frozenset()


def page_table(layout: Layout) -> PageTable:
    """Any typeset table; what stands in brackets is said more quietly."""
    rows = tuple(
        tuple(
            _cell(text) if numeric else Cell(text) for text, numeric in zip(row, layout.numeric, strict=True)
        )
        for row in layout.rows
    )
    headers = tuple(header.replace(" - ", " − ") for header in layout.headers)
    return PageTable(layout.title, headers, layout.numeric, rows, layout.notes)


def headline_table(summary: "pandas.DataFrame", task: str, family: str = THIS_REPORT) -> PageTable:
    """The summary of one task with each interval drawn.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        task: Gymnasium id that occurs in it.
        family: Whose tests the p-values are adjusted over.
    """
    rows = [row for row in summary.to_dict("records") if row["task"] == task]
    with_base = has_bases(rows)
    headers = (
        ("policy", False),
        ("shift", False),
        ("level", True),
        ("n", True),
        ("success", True),
        ("0 to 100%", False),
        ("clean", True),
        ("drop, points", True),
        ("p (Holm)", True),
        *([("base alone", True)] if with_base else []),
        ("held", True),
        ("err", True),
        ("ms p50/p95", True),
    )
    return PageTable(
        title=f"{task}: success under shifts",
        headers=tuple(text for text, _ in headers),
        numeric=tuple(numeric for _, numeric in headers),
        rows=tuple(_headline_row(row, with_base) for row in rows),
        notes=summary_notes(rows, summary_tests(summary), family),
    )


def _headline_row(row: Row, with_base: bool) -> tuple[Cell, ...]:
    shift, level = split_shift(row["shift"])
    rate, low, high = (100 * row[name] for name in ("success_rate", "success_low", "success_high"))
    clean, base = (100 * row[name] if known(row[name]) else None for name in ("clean_rate", "base_rate"))
    return (
        Cell(row["label"]),
        Cell(shift),
        _number(level, row["severity"]),
        _number(str(row["episodes"]), row["episodes"]),
        Cell(f"{rate:.0f}%", f"{low:.0f}–{high:.0f}", f"{rate:.6g}", strong=True),
        Cell("", span=Span(rate, low, high, clean, base)),
        _number(EMPTY if clean is None else f"{percent(row['clean_rate'])}%", row["clean_rate"]),
        _drop(row),
        _number(p_value(row["mcnemar_p_holm"]), row["mcnemar_p_holm"]),
        *([_base(row)] if with_base else []),
        _number(f"{percent(row['success_held_rate'])}%", row["success_held_rate"]),
        _number(str(row["errors"]), row["errors"]),
        _number(latency_text(row), row["inference_p50_ms"]),
    )


def _base(row: Row) -> Cell:
    if not known(row["base_rate"]):
        return Cell(EMPTY)
    clean = "" if row["shift"] == CLEAN else f"clean {percent(row['base_clean_rate'])}"
    return Cell(f"{percent(row['base_rate'])}%", clean, f"{row['base_rate']:.6g}")


def _drop(row: Row) -> Cell:
    if math.isnan(row["paired_drop"]):
        return Cell(EMPTY)
    value, low, high = (
        round(100 * row[name]) for name in ("paired_drop", "paired_drop_low", "paired_drop_high")
    )
    return Cell(signed_points(value), f"{signed_points(low)} to {signed_points(high)}", str(value))


def signed_points(value: float) -> str:
    """Whole points with a sign, and a real minus."""
    points = round(value)
    return f"{points:+d}".replace("-", "−") if points else "0"


def _number(text: str, value: float) -> Cell:
    return Cell(text, order="" if math.isnan(value) else f"{value:.6g}")


def _cell(text: str) -> Cell:
    """A typeset number: ``"93 [86, 97]"``, ``"<0.001"``, ``"-"``."""
    main, bracket, detail = text.partition(" [")
    found = _NUMBER.search(main)
    order = found.group().replace("−", "-") if found else ""
    if main.startswith("<") and order:
        # Sorts before the number that it is less than.
        order = f"{float(order) / 2:g}"
    shown = main.replace("-", "−") if found else main
    return Cell(shown, detail.rstrip("]").replace(", ", " to ").replace("-", "−") if bracket else "", order)

"""Tables for the page: cells with what they are sorted by, and the interval of a rate as a small drawing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fdp_bench.report.cells import Cell, difference_cell, number_cell, p_cell, percent
from fdp_bench.report.names import EMPTY, split_shift
from fdp_bench.report.typeset import (
    Layout,
    fallback_text,
    has_fallbacks,
    known,
    latency,
    summary_notes,
    summary_tests,
)

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A rate with its interval, to be drawn; all in percent.

    Attributes:
        rate: The rate.
        low: Lower end.
        high: Upper end.
        clean: The same arm's rate without a shift; None on clean rows.
    """

    rate: float
    low: float
    high: float
    clean: float | None = None


@dataclass(frozen=True)
class PageCell:
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
    rows: tuple[tuple[PageCell, ...], ...]
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
    """Any typeset table; intervals are said more quietly."""
    rows = tuple(tuple(map(_page_cell, row)) for row in layout.rows)
    headers = tuple(header.replace(" - ", " − ") for header in layout.headers)
    return PageTable(layout.title, headers, layout.numeric, rows, layout.notes)


def _page_cell(content: Cell | str) -> PageCell:
    """A typeset cell with real minus signs before its numbers, and what its column is sorted by."""
    if isinstance(content, str) or math.isnan(content.order):
        return PageCell(str(content))
    interval = " to ".join(content.interval or ()).replace("-", "−")
    return PageCell(content.text.replace("-", "−"), interval, f"{content.order:.6g}")


def headline_table(summary: "pandas.DataFrame", task: str) -> PageTable:
    """The summary of one task with each interval drawn.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        task: Gymnasium id that occurs in it.
    """
    rows = [row for row in summary.to_dict("records") if row["task"] == task]
    fallbacks = has_fallbacks(rows)
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
        ("held", True),
        ("err", True),
        *([("fallback", True)] if fallbacks else []),
        ("ms p50/p95", True),
    )
    return PageTable(
        title=f"{task}: success under shifts",
        headers=tuple(text for text, _ in headers),
        numeric=tuple(numeric for _, numeric in headers),
        rows=tuple(_headline_row(row, fallbacks) for row in rows),
        notes=summary_notes(rows, summary_tests(summary)),
    )


def _headline_row(row: Row, fallbacks: bool) -> tuple[PageCell, ...]:
    shift, level = split_shift(row["shift"])
    rate, low, high = (100 * row[name] for name in ("success_rate", "success_low", "success_high"))
    clean = None if math.isnan(row["clean_rate"]) else 100 * row["clean_rate"]
    return (
        PageCell(row["label"]),
        PageCell(shift),
        _number(level, row["severity"]),
        _page_cell(number_cell(row["episodes"])),
        PageCell(f"{rate:.0f}%", f"{low:.0f}–{high:.0f}", f"{rate:.6g}", strong=True),
        PageCell("", span=Span(rate, low, high, clean)),
        _number(EMPTY if clean is None else f"{percent(row['clean_rate'])}%", row["clean_rate"]),
        _page_cell(difference_cell(row, "paired_drop")),
        _page_cell(p_cell(row["mcnemar_p_holm"])),
        _number(f"{percent(row['success_held_rate'])}%", row["success_held_rate"]),
        _page_cell(number_cell(row["errors"])),
        *([_fallback(row)] if fallbacks else []),
        _page_cell(latency(row)),
    )


def _fallback(row: Row) -> PageCell:
    """Share of decisions that a fallback made, and quietly the share of episodes with any."""
    if not known(row["fallback_share"]):
        return PageCell(EMPTY)
    episodes = f"{percent(row['fallback_episodes'])}% of ep."
    return PageCell(f"{fallback_text(row)}%", episodes, f"{row['fallback_share']:.6g}")


def _number(text: str, value: float) -> PageCell:
    return PageCell(text, order="" if math.isnan(value) else f"{value:.6g}")

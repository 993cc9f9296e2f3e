"""Cells of the report's tables: the text, the interval behind it, and the number that a column is sorted by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fdp_bench.report.names import EMPTY, split_shift


@dataclass(frozen=True)
class Cell:
    """One cell, as every format of a table needs it.

    Attributes:
        text: What stands in it.
        interval: Ends of the interval of what stands in it, as text; None for no interval.
        order: Number that it is sorted by; nan sorts last.
    """

    text: str
    interval: tuple[str, str] | None = None
    order: float = math.nan

    def __str__(self) -> str:
        return self.text if self.interval is None else f"{self.text} [{', '.join(self.interval)}]"


def number_cell(value: float | None, spec: str = "") -> Cell:
    """A number under a format specification; `EMPTY` for None and nan."""
    if value is None or math.isnan(value):
        return Cell(EMPTY)
    return Cell(format(value, spec), order=value)


def rate_cell(row: Mapping[str, Any], value: str, low: str, high: str) -> Cell:
    """A rate with its interval in whole percent, from three columns of a row."""
    return Cell(percent(row[value]), (percent(row[low]), percent(row[high])), row[value])


def percent_cell(value: float) -> Cell:
    """A rate in whole percent."""
    return Cell(percent(value), order=value)


def difference_cell(row: Mapping[str, Any], name: str) -> Cell:
    """A difference in percentage points with its interval, from the columns `name`, ``<name>_low``, ``<name>_high``."""
    if math.isnan(row[name]):
        return Cell(EMPTY)
    value, low, high = (_points(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    return Cell(value, (low, high), row[name])


def p_cell(value: float) -> Cell:
    """A p-value with three decimals."""
    return Cell(p_value(value), order=value)


def severity_cell(row: Mapping[str, Any]) -> Cell:
    """The severity of a row's ``shift``, as people write it."""
    text = split_shift(row["shift"])[1]
    return Cell(text, order=math.nan if text == EMPTY else row["severity"])


def percent(value: float) -> str:
    """A rate in whole percent, as text."""
    return EMPTY if math.isnan(value) else f"{100 * value:.0f}"


def p_value(value: float) -> str:
    """A p-value with three decimals, as text."""
    if math.isnan(value):
        return EMPTY
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _points(fraction: float) -> str:
    """A difference in whole percentage points with its sign; no sign on zero."""
    points = round(100 * fraction)
    return f"{points:+d}" if points else "0"

"""Several tasks in one table: a row a task and policy, a column a shift."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fdp_bench.report.figures.curve_plots import short_task
from fdp_bench.report.tables.curves import SEED_RANGE, WILSON, cell_table
from fdp_bench.report.typeset import EMPTY, Column, Layout, percent, split_shift, training_text, typeset

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]
#: Columns of shifts above which a shift is shown at its highest severity alone.
_MOST_SHIFTS = 8


def across_table(summary: "pandas.DataFrame") -> "pandas.DataFrame":
    """Success rates of all tasks side by side; empty where there is one task only.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.

    Returns:
        Table with ``task``, ``policy`` and a column for each shift string, clean first; fractions, nan where a policy
        was not run under a shift.
    """
    import pandas

    if summary["task"].nunique() < 2:
        return pandas.DataFrame()
    rows = [
        {"task": task, "policy": policy} | {shift: cells[shift]["success_rate"] for shift in cells}
        for (task, policy), cells in _cells(summary).items()
    ]
    return pandas.DataFrame(rows, columns=["task", "policy", *_shifts(summary)])


def across_layouts(summary: "pandas.DataFrame") -> list[Layout]:
    """Typeset the same with intervals: one table, or none where there is one task only."""
    tasks = list(dict.fromkeys(summary["task"]))
    if len(tasks) < 2:
        return []
    shown = _shown(summary)
    columns = (
        Column("task", lambda row: short_task(row["task"]), numeric=False),
        Column("policy", lambda row: str(row["policy"]), numeric=False),
        *(Column(shift, partial(_cell, shift)) for shift in shown),
    )
    rows = [
        {"task": task, "policy": policy, "cells": cells} for (task, policy), cells in _cells(summary).items()
    ]
    return [typeset("All tasks: success under shifts", columns, rows, tuple(_notes(summary, shown)))]


def _cells(summary: "pandas.DataFrame") -> dict[tuple[str, str], dict[str, Row]]:
    """(task, policy's name) -> shift -> row of `fdp_bench.report.tables.curves.cell_table`."""
    cells: dict[tuple[str, str], dict[str, Row]] = {}
    for row in cell_table(summary).to_dict("records"):
        cells.setdefault((row["task"], row["series"]), {})[row["shift"]] = row
    return cells


def _shifts(summary: "pandas.DataFrame") -> list[str]:
    """All shifts: as the first task has them, then what others have besides."""
    return list(dict.fromkeys(summary["shift"]))


def _shown(summary: "pandas.DataFrame") -> list[str]:
    """All shifts, or of many each at its highest severity."""
    shifts = _shifts(summary)
    if len(shifts) <= _MOST_SHIFTS:
        return shifts
    severities = dict(zip(summary["shift"], summary["severity"], strict=True))
    highest: dict[str, str] = {}
    for shift in shifts:
        name = split_shift(shift)[0]
        highest[name] = max(highest.get(name, shift), shift, key=severities.__getitem__)
    return list(highest.values())


def _notes(summary: "pandas.DataFrame", shown: list[str]) -> list[str]:
    rows = summary.to_dict("records")
    least, most = (pick(row["episodes"] for row in rows) for pick in (min, max))
    episodes = f"{most}" if least == most else f"{least} to {most}"
    cells = cell_table(summary)
    notes = [
        f"success: percent of {episodes} episodes a cell and training with success at any step; paired drops and tests "
        "stand in the tables of each task."
    ]
    if (cells["interval"] == WILSON).any():
        seeds = sorted(set(cells.loc[cells["interval"] == WILSON, "train_seeds"]))
        pooled = f" over {' or '.join(map(str, seeds))} training seeds" if seeds[-1] > 1 else ""
        notes.append(
            f"[..]: Wilson 95% interval over the episodes{pooled}; it says nothing about another training."
        )
    if (cells["interval"] == SEED_RANGE).any():
        counts = " or ".join(map(str, sorted(set(cells.loc[cells["interval"] == SEED_RANGE, "train_seeds"]))))
        notes.append(f"(..): {counts} training seeds, their mean and their range, which is no interval.")
    if len(shown) < len(_shifts(summary)):
        notes.append("Of each shift the highest severity is shown.")
    trained = {
        task: training_text([row for row in rows if row["task"] == task])
        for task in dict.fromkeys(row["task"] for row in rows)
    }
    known = [f"{short_task(task)}: {text}" for task, text in trained.items() if text]
    if known:
        notes.append(f"A policy is trained anew for each task. {'; '.join(known)}.")
    return notes


def _cell(shift: str, row: Row) -> str:
    cell = row["cells"].get(shift)
    if cell is None:
        return EMPTY
    rate, low, high = (percent(cell[name]) for name in ("success_rate", "low", "high"))
    return f"{rate} ({low} to {high})" if cell["interval"] == SEED_RANGE else f"{rate} [{low}, {high}]"

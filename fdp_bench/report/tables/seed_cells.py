"""Each cell with its training seeds side by side: what a single seed's row cannot tell of another training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fdp_bench.report.figures.curve_plots import seed_text
from fdp_bench.report.tables.curves import cell_table
from fdp_bench.report.typeset import EMPTY, Column, Layout, known, percent, split_shift, typeset
from fdp_bench.stats import MIN_SEEDS

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]


def seed_cells(summary: "pandas.DataFrame") -> "pandas.DataFrame":
    """The cells of a summary, `fdp_bench.report.tables.curves.cell_table`; empty where none has several seeds.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
    """
    cells = cell_table(summary)
    return cells if (cells["train_seeds"] > 1).any() else cells.iloc[:0]


def seed_cell_layouts(summary: "pandas.DataFrame") -> list[Layout]:
    """Typeset them, one table a task; none where no cell has several seeds."""
    rows = seed_cells(summary).to_dict("records")
    return [
        _layout(task, [row for row in rows if row["task"] == task])
        for task in dict.fromkeys(row["task"] for row in rows)
    ]


def _layout(task: str, rows: Sequence[Row]) -> Layout:
    numbers = {row["seeds"] for row in rows if row["train_seeds"] > 1}
    # Seeds that differ from row to row are named in no header.
    header = f"seed {' / '.join(map(str, *numbers))}" if len(numbers) == 1 else "each seed"
    columns = [
        Column("policy", lambda row: row["series"], numeric=False),
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", lambda row: split_shift(row["shift"])[1]),
        Column("n a seed", lambda row: _span(row["seed_episodes"])),
        Column(f"{header}, %", lambda row: seed_text(row["seed_rates"])),
        Column("range", _range),
        Column("mean", lambda row: percent(row["success_rate"])),
    ]
    if any(known(row["base_rate"]) for row in rows):
        columns.append(Column("base mean", lambda row: percent(row["base_rate"])))
    return typeset(f"{task}: training seeds side by side", columns, rows, _notes(rows))


def _notes(rows: Sequence[Row]) -> tuple[str, ...]:
    fewest, most = (pick(row["train_seeds"] for row in rows) for pick in (min, max))
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    notes = [
        f"{seeds} training seeds a row: percent of the n episodes of each seed with success, their range and mean. The "
        "range is no interval: it does not say what another seed would give."
    ]
    if most >= MIN_SEEDS:
        notes.append(
            'Intervals over training seeds, across all shifts, stand in the table "Over training seeds".'
        )
    else:
        notes.append(f"No interval over training seeds is given for fewer than {MIN_SEEDS} of them.")
    if any(known(row["base_rate"]) for row in rows):
        notes.append("base mean: mean success of the bases of these seeds, each alone on the same episodes.")
    return tuple(notes)


def _range(row: Row) -> str:
    rates = row["seed_rates"]
    return f"{percent(min(rates))} to {percent(max(rates))}" if len(rates) > 1 else EMPTY


def _span(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"

"""Success over demonstrations and severity together: one map a policy and shift."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fdp_bench.api import CLEAN
from fdp_bench.report.cells import number_cell
from fdp_bench.report.figures.curve_plots import POINTS, point_caption
from fdp_bench.report.figures.plots import Panel, Plot
from fdp_bench.report.names import short_task
from fdp_bench.report.typeset import Column, typeset

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = Mapping[str, Any]


def surface_plot(table: "pandas.DataFrame") -> Plot:
    """Maps of success, demonstrations upwards and levels to the right.

    Args:
        table: As `fdp_bench.report.tables.curves.surface_table` returns it, at least one row.
    """
    rows = table.to_dict("records")
    several = len({row["task"] for row in rows}) > 1
    panels: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["task"], row["series"], row["shift"])):
        task = f"{short_task(row['task'])}: " if several else ""
        panels.setdefault(f"{task}{row['shift']}\n{row['series']}", []).append(row)
    columns = (
        Column("task", lambda row: short_task(row["task"]), numeric=False),
        Column("shift", lambda row: str(row["shift"]), numeric=False),
        Column("policy", lambda row: str(row["series"]), numeric=False),
        Column("demos", lambda row: number_cell(row["train_demos"], "g")),
        Column("level", lambda row: number_cell(row["level"], "g")),
        *POINTS,
    )
    caption = point_caption(rows).replace("a point", "a cell").replace("bands", "intervals in the table")
    return Plot(
        stem="surface",
        title="Success over demonstrations and severity",
        caption=f"Numbers: success rate, % of episodes; darker is higher. {caption}",
        panels=tuple(
            Panel(title, partial(draw_surface, rows=members), row=members[0]["task"])
            for title, members in panels.items()
        ),
        table=table,
        layout=typeset("Success over demonstrations and severity", columns, rows),
    )


def draw_surface(axes: "Axes", rows: Sequence[Row]) -> None:
    """Draw one map with its numbers; cells that were not run stay empty."""
    demos = sorted({int(row["train_demos"]) for row in rows})
    levels = sorted({float(row["level"]) for row in rows})
    grid = np.full((len(demos), len(levels)), np.nan)
    for row in rows:
        grid[demos.index(int(row["train_demos"])), levels.index(float(row["level"]))] = (
            100 * row["success_rate"]
        )
    # Lightness alone carries the value, so it reads in black and white.
    axes.pcolormesh(grid, cmap="Blues", vmin=-10, vmax=110, edgecolors="white")
    for (line, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            color = "white" if value > 60 else "black"
            axes.text(column + 0.5, line + 0.5, f"{value:.0f}", ha="center", va="center", color=color)
    axes.set_xticks(
        [place + 0.5 for place in range(len(levels))],
        [CLEAN if level == 0 else f"{level:g}" for level in levels],
    )
    axes.set_yticks([place + 0.5 for place in range(len(demos))], [str(number) for number in demos])
    axes.set_xlabel("severity of the shift (level)")
    axes.set_ylabel("training demonstrations (number)")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)

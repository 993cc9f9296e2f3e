"""Loss over gradient steps, and what shuffling a sense costs: slow and lazy residuals told apart."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fdp_bench.report.cells import number_cell, rate_cell
from fdp_bench.report.figures.plots import Panel, Plot
from fdp_bench.report.figures.style import Palette, ink, series_style
from fdp_bench.report.names import short_task
from fdp_bench.report.typeset import Column, typeset

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
#: Draws rows on axes: (axes, rows=, names=).
Draw = Callable[..., None]

#: Lines in a panel before a phase gets a panel for each recipe.
_MOST_LINES = 8
#: Styles of a figure that stands alone.
_OWN = Palette()
#: Relative rise below which a residual is called lazy.
_LAZY = 0.05


def loss_plot(table: "pandas.DataFrame", palette: Palette = _OWN) -> Plot:
    """Held-out loss over gradient steps, one panel a task and phase.

    Args:
        table: As `fdp_bench.report.tables.losses.loss_table` returns it, at least one row.
        palette: Styles of the report.
    """
    panels = _panels(table, draw_losses, palette)
    last = table.groupby(["task", "series", "phase"], sort=False).tail(1).to_dict("records")
    columns = (
        _TASK,
        _SERIES,
        _PHASE,
        Column("steps", lambda row: number_cell(row["step"], "g")),
        Column("training loss", lambda row: number_cell(row["train_loss"], ".4g")),
        Column("held-out loss", lambda row: number_cell(row["heldout_loss"], ".4g")),
    )
    return Plot(
        stem="training-loss",
        title="Loss over training",
        caption=(
            "Thick: held-out demonstrations, averaged weights; thin: training batches, weighted. "
            "n = 1 training run a line, no interval."
        ),
        panels=panels,
        table=table,
        layout=typeset("Loss at the end of each phase", columns, last),
    )


def rise_plot(table: "pandas.DataFrame", palette: Palette = _OWN) -> Plot:
    """Relative rise of the held-out loss when a sense is shuffled, one panel a task, phase and sense.

    Args:
        table: As `fdp_bench.report.tables.losses.rise_table` returns it, at least one row.
        palette: Styles of the report.
    """
    panels = _panels(table, draw_rises, palette)
    last = table.groupby(["task", "series", "phase", "sense"], sort=False).tail(1).to_dict("records")
    columns = (
        _TASK,
        _SERIES,
        _PHASE,
        Column("sense shuffled", lambda row: str(row["sense"]), numeric=False),
        Column("steps", lambda row: number_cell(row["step"], "g")),
        Column("rise % [95%]", lambda row: rate_cell(row, "rise", "low", "high")),
    )
    return Plot(
        stem="training-senses",
        title="What each sense is worth over training",
        caption=(
            "Relative rise of the loss on held-out demonstrations when a sense is swapped among them; bands: 95% "
            f"intervals over demonstrations, n = 1 training run a line. Dotted: {_LAZY:.0%}, below which a residual "
            "is called lazy."
        ),
        panels=panels,
        table=table,
        layout=typeset("What each sense is worth at the end of each phase", columns, last),
    )


def draw_losses(axes: "Axes", rows: Sequence[Row], names: Sequence[str]) -> None:
    """Draw held-out (thick, marked) and training (thin) loss of each series."""
    for name, points in _lines(rows, names):
        style = series_style(names.index(name))
        steps = [row["step"] for row in points]
        axes.plot(
            steps,
            [row["train_loss"] for row in points],
            color=style.color,
            linewidth=0.8,
            alpha=0.6,
            linestyle=style.line,
        )
        axes.plot(
            steps,
            [row["heldout_loss"] for row in points],
            color=style.color,
            linewidth=1.7,
            linestyle=style.line,
            marker=style.marker,
            markersize=4.5,
            markevery=max(1, len(steps) // 8),
            label=name,
        )
    axes.set_ylabel("squared noise error (log scale)")
    _over_steps(axes)


def draw_rises(axes: "Axes", rows: Sequence[Row], names: Sequence[str]) -> None:
    """Draw the relative rise of each series with its interval."""
    for name, points in _lines(rows, names):
        style = series_style(names.index(name))
        steps = [row["step"] for row in points]
        low, rise, high = ([100 * row[key] for row in points] for key in ("low", "rise", "high"))
        axes.fill_between(steps, low, high, color=style.color, alpha=0.15, linewidth=0)
        axes.plot(
            steps,
            rise,
            color=style.color,
            linestyle=style.line,
            marker=style.marker,
            markersize=5,
            label=name,
        )
    axes.axhline(100 * _LAZY, color=ink(), linestyle=":", linewidth=1)
    axes.set_ylabel("rise of held-out loss (%, log)")
    # Falls and rises below a percent are all nothing.
    axes.set_yscale("symlog", linthresh=1.0)
    lowest = min((100 * value for row in rows for value in (row["low"], row["rise"]) if value < 0), default=0)
    axes.set_ylim(bottom=1.2 * lowest)
    _over_steps(axes, scale="")


def _over_steps(axes: "Axes", scale: str = "log") -> None:
    if scale:
        axes.set_yscale(scale)
    axes.set_xlabel("gradient steps of the phase (number)")
    axes.set_xlim(left=0)
    axes.grid(linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _by_phase(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Panel's title -> rows; a phase with too many lines is split by recipe, a task named where there are several."""
    panels: dict[str, list[Row]] = {}
    several = len({row["task"] for row in rows}) > 1
    lines: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        lines.setdefault((row["task"], row["phase"]), set()).add(row["series"])
    for row in rows:
        title = f"{row['phase']} phase" if row["phase"] else "training"
        if several:
            title = f"{short_task(row['task'])}: {title}"
        if "sense" in row:
            title += f", {row['sense']} shuffled"
        if len(lines[row["task"], row["phase"]]) > _MOST_LINES:
            title += f"\n{row['recipe']}"
        panels.setdefault(title, []).append(row)
    return panels


def _panels(table: "pandas.DataFrame", draw: Draw, palette: Palette) -> tuple[Panel, ...]:
    """One panel a phase; a policy looks alike in all of them as long as there are styles enough."""
    rows = table.to_dict("records")
    everybody = _names(rows)
    return tuple(
        Panel(
            title,
            partial(
                draw,
                rows=members,
                names=palette.order(everybody if len(everybody) <= _MOST_LINES else _names(members)),
            ),
            row=members[0]["task"],
        )
        for title, members in _by_phase(rows).items()
    )


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["series"] for row in rows))


def _lines(rows: Sequence[Row], names: Sequence[str]) -> list[tuple[str, list[Row]]]:
    present = _names(rows)
    return [
        (name, sorted((row for row in rows if row["series"] == name), key=lambda row: row["step"]))
        for name in names
        if name in present
    ]


_TASK = Column("task", lambda row: short_task(row["task"]), numeric=False)
_SERIES = Column("policy", lambda row: str(row["series"]), numeric=False)
_PHASE = Column("phase", lambda row: str(row["phase"]), numeric=False)

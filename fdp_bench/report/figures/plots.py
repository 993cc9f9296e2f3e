"""What a plot is made of: panels that draw on given axes, the numbers behind them, and a caption."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from fdp_bench.report.figures.style import finish
from fdp_bench.report.typeset import Layout

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Panels side by side in one figure.
_MOST_COLUMNS = 3


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: Stands above it.
        draw: Draws everything but the title on the axes it is given; series bear labels for a legend.
        size: Width and height, inches.
        row: Panels of another row than the one before begin a new one; a task, where there are several.
    """

    title: str
    draw: Callable[["Axes"], None]
    size: tuple[float, float] = (3.8, 2.9)
    row: str = ""


@dataclass(frozen=True)
class Plot:
    """A figure of one or more panels with its table.

    Attributes:
        stem: Name of its files.
        title: What it shows.
        caption: Sentences that name n and the interval.
        panels: At least one.
        table: The numbers drawn, fractions to full precision.
        layout: The same numbers as people read them.
    """

    stem: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    table: "pandas.DataFrame"
    layout: Layout


def compose(plot: Plot) -> "Figure":
    """All panels in one figure, with one legend and the caption."""
    from matplotlib.figure import Figure

    places, rows, columns = _places(plot.panels)
    width = max(6.4, columns * max(panel.size[0] for panel in plot.panels))
    height = 1.1 + rows * max(panel.size[1] for panel in plot.panels)
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    drawn = [grid[place] for place in places]
    for axes, panel in zip(drawn, plot.panels, strict=True):
        panel.draw(axes)
        axes.set_title(panel.title, fontsize=11)
    for axes in grid.ravel():
        if axes not in drawn:
            axes.remove()
    return finish(figure, drawn, plot.caption)


def _places(panels: Sequence[Panel]) -> tuple[list[tuple[int, int]], int, int]:
    """Row and column of each panel, and how many of them there are."""
    groups = [len(list(members)) for _, members in groupby(panels, key=lambda panel: panel.row)]
    # One more than usual rather than a row with a single panel in it.
    columns = max(groups) if max(groups) <= _MOST_COLUMNS + (len(groups) > 1) else _MOST_COLUMNS
    places: list[tuple[int, int]] = []
    top = 0
    for count in groups:
        places += [(top + number // columns, number % columns) for number in range(count)]
        top += -(-count // columns)
    return places, top, columns


def panel_figure(panel: Panel) -> "Figure":
    """One panel as a figure of its own, with a legend below it and no title or caption."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=panel.size, layout="constrained")
    axes = figure.subplots()
    panel.draw(axes)
    handles, names = axes.get_legend_handles_labels()
    if names:
        columns = 2 if max(map(len, names)) <= 20 and len(names) > 1 else 1
        figure.set_size_inches(panel.size[0], panel.size[1] + 0.22 * -(-len(names) // columns))
        figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    return figure

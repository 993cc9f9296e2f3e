"""Bar plot of success rates with their intervals, grouped by shift."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN
from fdp_bench.report.figures.curve_plots import point_caption
from fdp_bench.report.figures.style import (
    Palette,
    SeriesStyle,
    draw_base,
    drawable,
    finish,
    ink,
    save_figure,
    series_style,
    themed,
)
from fdp_bench.report.tables.curves import cell_table
from fdp_bench.report.typeset import known, split_shift

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Styles of a figure that stands alone.
_OWN = Palette()
#: Room that a bar's number takes above its whisker, in percent.
_NUMBER_HEIGHT = 11.0
#: Groups of bars in a panel before a task is split into one panel a shift.
_MOST_GROUPS = 6


def success_figure(summary: "pandas.DataFrame", palette: Palette = _OWN) -> "Figure":
    """Draw the success rate of each cell: a group a shift, a bar a policy, a panel a task.

    The bar of several training seeds is their mean, with a small mark for each.

    A task with more than `_MOST_GROUPS` groups gets a panel for each shift, its severities beside the clean
    group. A policy looks alike in all panels, and takes room only where it was run.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it, at least one row.
        palette: Styles of the report.

    Returns:
        A figure that belongs to no window system.
    """
    from matplotlib.figure import Figure

    cells = cell_table(summary)
    rows = cells.to_dict("records")
    names = palette.order(cells["series"])
    panels = _panels(rows)
    groups = max(len({row["shift"] for row in panel}) for _, panel in panels)
    bars = max(len({row["series"] for row in panel}) for _, panel in panels)
    width = max(6.4, 1.2 + groups * (0.5 + 0.42 * bars))
    figure = Figure(figsize=(width, 0.9 + 3.3 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axes, (title, panel) in zip(all_axes, panels, strict=True):
        _draw_panel(axes, panel, names)
        axes.set_title(title, fontsize=11)
        axes.set_xlim(-0.6, groups - 0.4)
    return finish(figure, list(all_axes), _caption(rows))


def save_success_plot(summary: "pandas.DataFrame", folder: Path, palette: Palette = _OWN) -> list[Path]:
    """Write `success_figure` as ``success.png`` and ``success.svg``; the same bytes for the same table.

    Returns:
        The files written.
    """
    with themed():
        return save_figure(success_figure(summary, palette), folder, "success")


def _panels(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Titles and rows of the panels, from top to bottom."""
    panels = []
    for task in dict.fromkeys(row["task"] for row in rows):
        of_task = [row for row in rows if row["task"] == task]
        names = dict.fromkeys(split_shift(row["shift"])[0] for row in of_task if row["shift"] != CLEAN)
        if len({row["shift"] for row in of_task}) <= _MOST_GROUPS or len(names) == 1:
            panels.append((task, of_task))
            continue
        for name in names:
            beside = [row for row in of_task if split_shift(row["shift"])[0] in (CLEAN, name)]
            panels.append((f"{task}, {name}", beside))
    return panels


def _draw_panel(axes: "Axes", rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Draw a task's bars; a policy's place in `names` gives its style."""
    policies = list(dict.fromkeys(row["series"] for row in rows))
    shifts = list(dict.fromkeys(row["shift"] for row in rows))
    bar_width = min(0.8 / len(policies), 0.35)
    for number, policy in enumerate(policies):
        style = series_style(names.index(policy))
        bars = [row for row in rows if row["series"] == policy]
        offset = (number - (len(policies) - 1) / 2) * bar_width
        centers = [shifts.index(row["shift"]) + offset for row in bars]
        rates = [100 * row["success_rate"] for row in bars]
        below = [100 * (row["success_rate"] - row["low"]) for row in bars]
        above = [100 * (row["high"] - row["success_rate"]) for row in bars]
        axes.bar(
            centers,
            rates,
            bar_width,
            yerr=[below, above],
            label=policy,
            color=style.color,
            hatch=style.hatch,
            edgecolor=ink(),
            linewidth=0.8,
            error_kw={"elinewidth": 1.4, "capsize": 3, "ecolor": ink()},
        )
        _draw_seeds(axes, bars, centers, bar_width, style)
        on_base = [
            (center, 100 * row["base_rate"])
            for center, row in zip(centers, bars, strict=True)
            if known(row["base_rate"])
        ]
        if on_base:
            places, base_rates = zip(*on_base, strict=True)
            draw_base(axes, places, [0.6 * bar_width] * len(places), base_rates)
        for center, row in zip(centers, bars, strict=True):
            axes.annotate(
                f"{100 * row['success_rate']:.0f}",
                (center, _top(row)),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8.5,
            )
    axes.set_xticks(range(len(shifts)), [drawable(_tick(shift)) for shift in shifts])
    axes.set_ylabel("success rate (% of episodes)")
    # Room for the numbers above an interval that ends at 100.
    axes.set_ylim(0, 110)
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _top(row: dict[str, Any]) -> float:
    """Where a bar's number stands, in percent: above its whisker, and above the base's line if that is in the way."""
    high, base = 100 * float(row["high"]), 100 * float(row["base_rate"])
    return base + 1 if -1 <= base - high <= _NUMBER_HEIGHT else high


def _draw_seeds(
    axes: "Axes",
    bars: Sequence[dict[str, Any]],
    centers: Sequence[float],
    bar_width: float,
    style: SeriesStyle,
) -> None:
    """Draw a small mark for each training seed, side by side in its bar."""
    marks = []
    for row, center in zip(bars, centers, strict=True):
        rates = row["seed_rates"]
        step = 0.5 * bar_width / len(rates)
        places = [center + step * (number - (len(rates) - 1) / 2) for number in range(len(rates))]
        if len(rates) > 1:
            marks += [(place, 100 * rate) for place, rate in zip(places, rates, strict=True)]
    if marks:
        axes.plot(
            *zip(*marks, strict=True),
            linestyle="",
            marker=style.marker,
            markerfacecolor="white",
            markeredgecolor=ink(),
            markersize=4,
            zorder=5,
        )


def _tick(shift: str) -> str:
    if shift == CLEAN:
        return CLEAN
    name, severity = split_shift(shift)
    return f"{name}\nseverity {severity}".replace("?", "\n")


def _caption(rows: Sequence[dict[str, Any]]) -> str:
    return (
        point_caption(rows).replace("a point", "a bar").replace("bands", "whiskers")
        + " An error counts as a failure."
    )

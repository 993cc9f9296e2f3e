"""Success over the level of a shift and over the number of demonstrations, one panel a shift."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, LEVELS
from fdp_bench.report.figures.plots import Panel, Plot
from fdp_bench.report.figures.style import Palette, series_style, success_axis
from fdp_bench.report.tables.curves import SEED_RANGE
from fdp_bench.report.typeset import EMPTY, Column, known, percent, split_shift, typeset

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
#: Styles of a figure that stands alone.
_OWN = Palette()


def severity_plot(table: "pandas.DataFrame", palette: Palette = _OWN) -> Plot:
    """Severity curves: clean at 0, a line a series.

    Args:
        table: As `fdp_bench.report.tables.curves.severity_table` returns it, at least one row.
        palette: Styles of the report.
    """
    rows = table.to_dict("records")
    names = palette.order(table["series"])
    draw = partial(draw_curves, names=names, x="level")
    panels = [
        Panel(title, partial(_draw_severity, rows=members, draw=draw), row=members[0]["task"])
        for title, members in _by_shift(rows, with_demos=True).items()
    ]
    return Plot(
        stem="severity",
        title="Success as the shift grows",
        caption=f"Level 0 is clean. {point_caption(rows)}",
        panels=tuple(panels),
        table=table,
        layout=typeset("Success over severity", (*_PLACE, _DEMOS, _LEVEL, *POINTS), rows),
    )


def efficiency_plot(table: "pandas.DataFrame", palette: Palette = _OWN) -> Plot:
    """Data-efficiency curves: success over the number of demonstrations.

    Args:
        table: As `fdp_bench.report.tables.curves.efficiency_table` returns it, at least one row.
        palette: Styles of the report.
    """
    rows = table.to_dict("records")
    names = palette.order(table["series"])
    panels = [
        Panel(title, partial(_draw_efficiency, rows=members, names=names), row=members[0]["task"])
        for title, members in _by_shift(rows, with_severity=True).items()
    ]
    return Plot(
        stem="data-efficiency",
        title="Success over the number of demonstrations",
        caption=point_caption(rows),
        panels=tuple(panels),
        table=table,
        layout=typeset("Success over demonstrations", (*_PLACE, _SEVERITY, _DEMOS, *POINTS), rows),
    )


def draw_curves(axes: "Axes", rows: Sequence[Row], names: Sequence[str], x: str) -> None:
    """Draw a line with a band for each series; lines are set apart a little so that bands can be told apart.

    Args:
        axes: Where to draw.
        rows: Rows of a table of points.
        names: All series of the figure or the report, so that one looks alike in every panel.
        x: Column of the horizontal axis.
    """
    for number, name in enumerate(names):
        points = sorted((row for row in rows if row["series"] == name), key=lambda row: row[x])
        if not points:
            continue
        style = series_style(number)
        places = [row[x] for row in points]
        rates, lows, highs = ([100 * row[key] for row in points] for key in ("success_rate", "low", "high"))
        draw_seeds(axes, points, places, style.color, style.marker)
        axes.fill_between(places, lows, highs, color=style.color, alpha=0.15, linewidth=0)
        axes.errorbar(
            places,
            rates,
            yerr=[
                [rate - low for rate, low in zip(rates, lows, strict=True)],
                [high - rate for rate, high in zip(rates, highs, strict=True)],
            ],
            color=style.color,
            marker=style.marker,
            linestyle=style.line,
            label=name,
            markersize=6,
            linewidth=1.7,
            elinewidth=0.9,
            capsize=2.5,
        )
    success_axis(axes)


def point_caption(rows: Sequence[Row]) -> str:
    """Name n, the interval and the training seeds of points, for a caption."""
    least, most = (pick(row["episodes"] for row in rows) for pick in (min, max))
    episodes = f"n = {most}" if least == most else f"n = {least} to {most}"
    few, many = (pick(row["train_seeds"] for row in rows) for pick in (min, max))
    seeds = f"{many}" if few == many else f"{few} to {many}"
    word = "seed" if seeds == "1" else "seeds"
    over = {row["interval"] for row in rows}
    bands = []
    if over - {SEED_RANGE}:
        bands.append(
            "bands: Wilson 95% intervals over episodes, which say nothing about training another policy"
        )
    if SEED_RANGE in over:
        bands.append(
            "of 3 or more training seeds a point is the mean, small marks are the seeds, and bands their range, no "
            "interval"
        )
    return f"{episodes} episodes a point, {seeds} training {word}; {'; '.join(bands)}."


def draw_seeds(axes: "Axes", rows: Sequence[Row], places: Sequence[float], color: str, marker: str) -> None:
    """Draw a small mark for each training seed of points that have several.

    Args:
        axes: Where to draw.
        rows: Points.
        places: Their places on the horizontal axis.
        color: Of the marks.
        marker: Of the marks.
    """
    marks = [
        (place, 100 * rate)
        for row, place in zip(rows, places, strict=True)
        for rate in row["seed_rates"]
        if len(row["seed_rates"]) > 1
    ]
    if marks:
        axes.plot(
            *zip(*marks, strict=True), linestyle="", marker=marker, color=color, markersize=3.5, alpha=0.8
        )


def _draw_severity(axes: "Axes", rows: Sequence[Row], draw: Any) -> None:
    draw(axes, rows)
    axes.set_xticks(range(LEVELS + 1), [CLEAN if level == 0 else str(level) for level in range(LEVELS + 1)])
    axes.set_xlim(-0.25, LEVELS + 0.25)
    axes.set_xlabel(f"severity of the shift (level, 1 to {LEVELS})")


def _draw_efficiency(axes: "Axes", rows: Sequence[Row], names: Sequence[str]) -> None:
    draw_curves(axes, rows, names, "train_demos")
    places = sorted({int(row["train_demos"]) for row in rows})
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(places, [str(place) for place in places])
    axes.set_xlim(places[0] / 1.2, places[-1] * 1.2)
    axes.set_xlabel("training demonstrations (number, log scale)")


def shift_title(shift: str) -> str:
    """A shift string as people read it: ``"occlusion, level 3"``."""
    name, severity = split_shift(shift)
    return name if shift == CLEAN else f"{name}, level {severity}"


def _by_shift(
    rows: Sequence[Row], *, with_severity: bool = False, with_demos: bool = False
) -> dict[str, list[Row]]:
    """Panel's title -> its rows; clean first, task and demonstrations named where there are several (of a task)."""
    several = len({row["task"] for row in rows}) > 1
    sizes: dict[str, set[float]] = {}
    for row in rows:
        if with_demos and known(row["train_demos"]):
            sizes.setdefault(row["task"], set()).add(row["train_demos"])
    panels: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["task"], row["shift"] != CLEAN)):
        title = shift_title(row["shift"]) if with_severity else row["shift"]
        if several:
            title = f"{short_task(row['task'])}: {title}"
        if len(sizes.get(row["task"], ())) > 1 and known(row["train_demos"]):
            title = f"{title}, {row['train_demos']:g} demonstrations"
        panels.setdefault(title, []).append(row)
    return panels


def short_task(task: str) -> str:
    """A task without its namespace: ``"Lift-v1"``."""
    return task.rpartition("/")[2]


#: Columns that every table of points ends with.
POINTS = (
    Column("seeds", lambda row: str(row["train_seeds"])),
    Column("n", lambda row: str(row["episodes"])),
    Column("success % [95%]", lambda row: f"{percent(row['success_rate'])} {span(row)}"),
    Column("each seed %", lambda row: seed_text(row["seed_rates"])),
    Column("interval", lambda row: str(row["interval"]), numeric=False),
)
_PLACE = (
    Column("task", lambda row: short_task(row["task"]), numeric=False),
    Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
    Column("policy", lambda row: str(row["series"]), numeric=False),
)
_LEVEL = Column("level", lambda row: f"{row['level']:g}")
_SEVERITY = Column("sev", lambda row: split_shift(row["shift"])[1])
_DEMOS = Column("demos", lambda row: f"{row['train_demos']:g}" if known(row["train_demos"]) else EMPTY)


def seed_text(rates: Sequence[float]) -> str:
    """Each training seed's rate in percent; `EMPTY` for a single one."""
    return " / ".join(map(percent, rates)) if len(rates) > 1 else EMPTY


def span(row: Row) -> str:
    """A point's interval in percent."""
    return f"[{percent(row['low'])}, {percent(row['high'])}]"

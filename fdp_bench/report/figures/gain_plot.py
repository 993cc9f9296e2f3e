"""What FDP gains under a shift, over what its base does alone: a point a task and shift, each training seed visible."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fdp_bench.report.figures.curve_plots import seed_text, shift_title, short_task
from fdp_bench.report.figures.plots import Panel, Plot
from fdp_bench.report.figures.style import COLORS, MARKERS, ink
from fdp_bench.report.tables.gains import POINT
from fdp_bench.report.typeset import Column, known, percent, split_shift, typeset

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
#: Look of a training seed's mark: it stays seen on the mean's.
_SEED: Mapping[str, Any] = {
    "linestyle": "",
    "markersize": 5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
}
_WORD: Mapping[str, Any] = {"fontsize": 8.5, "style": "italic"}
#: Points of success by which the marks of neighbouring shifts are set apart.
_APART = 0.9
#: Gain and loss that the axis shows in any case, and what is left free beyond the marks, in points.
_LEAST_SHOWN, _MARGIN = 15.0, 9.0


def gain_plot(table: "pandas.DataFrame") -> Plot:
    """Panels of gains: a row for each policy with a base, a column for each that it is held against.

    Args:
        table: As `fdp_bench.report.tables.gains.gain_table` returns it, at least one row.
    """
    points = gain_points(table.to_dict("records"))
    shifts = list(dict.fromkeys(point["shift"] for point in points))
    groups = list(dict.fromkeys(map(_group, points)))
    gains = [100 * gain for point in points for gain in point["gains"]]
    limits = (min(-_LEAST_SHOWN, *gains) - _MARGIN, max(_LEAST_SHOWN, *gains) + _MARGIN)
    panels: dict[tuple[str, str], list[Row]] = {}
    for point in points:
        panels.setdefault((point["policy"], point["against"]), []).append(point)
    columns = (
        Column("task", lambda row: short_task(row["task"]), numeric=False),
        Column("policy", lambda row: row["policy"], numeric=False),
        Column("minus", lambda row: row["against"], numeric=False),
        Column("demos", lambda row: f"{row['train_demos']:g}" if known(row["train_demos"]) else "-"),
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", lambda row: split_shift(row["shift"])[1]),
        Column("seeds", lambda row: str(len(row["gains"]))),
        Column("base alone, clean %", lambda row: percent(_mean(row["bases"]))),
        Column("each seed %", lambda row: seed_text(row["bases"])),
        Column("gain, points", lambda row: f"{_signed(_mean(row['gains']))}"),
        Column("each seed", lambda row: " / ".join(map(_signed, row["gains"]))),
    )
    return Plot(
        stem="base-and-gain",
        title="What factorizing gains, over what the base does alone",
        caption=_caption(points),
        panels=tuple(
            Panel(
                f"{policy}\nminus {against}",
                partial(draw_gains, points=members, shifts=shifts, groups=groups, limits=limits),
                (4.6, 3.9),
                policy,
            )
            for (policy, against), members in panels.items()
        ),
        table=table,
        layout=typeset("Gain under a shift, and the base's own success", columns, points),
    )


def gain_points(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Join the training seeds of each point.

    Returns:
        Points with the columns `POINT`, and ``seeds``, ``bases`` (clean success of each seed's base), ``gains`` and
        ``pairs``, tuples in the order of the seeds.
    """
    # nan is not equal to itself, and would make a point of each row.
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        place = tuple(row[name] if known(row[name]) or isinstance(row[name], str) else None for name in POINT)
        groups.setdefault(place, []).append(row)
    return [
        {name: members[0][name] for name in POINT}
        | {"seeds": tuple(row["train_seed"] for row in members)}
        | {"bases": tuple(row["base_clean_rate"] for row in members)}
        | {"gains": tuple(row["gain"] for row in members)}
        | {"pairs": tuple(row["pairs"] for row in members)}
        for members in groups.values()
    ]


def draw_gains(
    axes: "Axes",
    points: Sequence[Row],
    shifts: Sequence[str],
    groups: Sequence[tuple[str, str]],
    limits: tuple[float, float],
) -> None:
    """Draw points: a small mark a training seed, joined to the large mark of their mean.

    Args:
        axes: Where to draw.
        points: As `gain_points` returns them.
        shifts: All shifts of the figure; a shift's place gives its colour.
        groups: All (task, number of demonstrations) of the figure, as `_group` names them; the place gives the mark.
        limits: Ends of the axis of gains, in points.
    """
    axes.axhline(0, color=ink(), linewidth=1.4, zorder=1)
    for point in points:
        place = shifts.index(point["shift"])
        color, marker = COLORS[place % len(COLORS)], MARKERS[groups.index(_group(point)) % len(MARKERS)]
        aside = _APART * (place - (len(shifts) - 1) / 2)
        bases = [100 * base + aside for base in point["bases"]]
        gains = [100 * gain for gain in point["gains"]]
        middle = (_mean(bases), _mean(gains))
        if len(gains) > 1:
            for seed in zip(bases, gains, strict=True):
                axes.plot(*zip(seed, middle, strict=True), color=color, linewidth=0.8, alpha=0.6, zorder=2)
            axes.plot(bases, gains, marker=marker, color=color, zorder=5, **_SEED)
        axes.plot(
            *middle,
            marker=marker,
            color=color,
            markersize=10,
            markeredgecolor=ink(),
            markeredgewidth=0.9,
            zorder=4,
        )
    _legend(axes, shifts, groups, max(len(point["gains"]) for point in points))
    axes.set_xlim(-5, 105)
    axes.set_ylim(*limits)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("success of the base alone, without a shift\n(% of episodes)")
    axes.set_ylabel("gain in success under the shift\n(percentage points)")
    axes.grid(linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    # Where a base can do little, little is gained: the corners that stay free.
    axes.annotate("first policy better", (0.012, 0.985), xycoords="axes fraction", va="top", **_WORD)
    axes.annotate("second policy better", (0.988, 0.015), xycoords="axes fraction", ha="right", **_WORD)


def _legend(axes: "Axes", shifts: Sequence[str], groups: Sequence[tuple[str, str]], seeds: int) -> None:
    """Entries for colours, marks and sizes, none of which a point of its own shows alone."""
    for number, shift in enumerate(shifts):
        axes.plot(
            [],
            [],
            linestyle="",
            marker="s",
            markersize=9,
            color=COLORS[number % len(COLORS)],
            label=shift_title(shift),
        )
    marks = {"linestyle": "", "color": "none", "markeredgecolor": ink()}
    for number, (task, demos) in enumerate(groups):
        sized = len({size for other, size in groups if other == task}) > 1
        label = f"{task}, {demos}" if sized and demos else task
        axes.plot([], [], marker=MARKERS[number % len(MARKERS)], markersize=9, label=label, **marks)
    if seeds > 1:
        axes.plot([], [], marker="o", markersize=5, label="a training seed", **marks)
        axes.plot([], [], marker="o", markersize=10, label="mean of the seeds", **marks)


def _group(point: Row) -> tuple[str, str]:
    """What a point's mark stands for: its task and number of demonstrations."""
    demos = f"{point['train_demos']:g} demonstrations" if known(point["train_demos"]) else ""
    return short_task(point["task"]), demos


def _caption(points: Sequence[Row]) -> str:
    pairs = [number for point in points for number in point["pairs"]]
    least, most = min(pairs), max(pairs)
    n = f"{most}" if least == most else f"{least} to {most}"
    seeds = {len(point["gains"]) for point in points}
    few, many = min(seeds), max(seeds)
    count = f"{many}" if few == many else f"{few} to {many}"
    each = (
        "1 training seed a point, so nothing here says what another would give."
        if many == 1
        else (
            f"{count} training seeds a point, a small mark each, joined to their mean; nothing here is an interval."
        )
    )
    aside = (
        " Shifts are set apart a little to the sides."
        if len({point["shift"] for point in points}) > 1
        else ""
    )
    return (
        f"A point a task and shift. Above 0 the first policy succeeds more often than the second on the same n = {n} "
        f"episodes. {each}{aside}"
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _signed(gain: float) -> str:
    points = round(100 * gain)
    return f"{points:+d}" if points else "0"

"""Horizontal bars and differences: variants of a policy, and one order against the other; one panel a shift."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fdp_bench.report.figures.curve_plots import POINTS, point_caption, shift_title, short_task
from fdp_bench.report.figures.plots import Panel, Plot
from fdp_bench.report.figures.style import Palette, draw_base, drawable, ink, series_style
from fdp_bench.report.typeset import Column, known, p_value, percent, signed, split_shift, typeset

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
#: Styles of a figure that stands alone.
_OWN = Palette()


def ablation_plot(table: "pandas.DataFrame", palette: Palette = _OWN) -> Plot:
    """Bars of success, one a variant.

    Args:
        table: As `fdp_bench.report.tables.curves.ablation_table` returns it, at least one row.
        palette: Styles of the report.
    """
    rows = table.to_dict("records")
    variants = list(dict.fromkeys(table["variant"]))
    names = palette.order(variants)
    height = 1.1 + 0.34 * len(variants)
    panels = [
        Panel(
            title,
            partial(draw_bars, rows=members, variants=variants, names=names),
            (5.6, height),
            members[0]["task"],
        )
        for title, members in _by_scene(rows).items()
    ]
    columns = (
        Column("task", lambda row: short_task(row["task"]), numeric=False),
        Column("variant", lambda row: str(row["variant"]), numeric=False),
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", lambda row: split_shift(row["shift"])[1]),
        *POINTS,
    )
    caption = point_caption(rows).replace("a point", "a bar").replace("bands", "whiskers")
    return Plot(
        stem="ablation",
        title="Variants of a policy",
        caption=caption,
        panels=tuple(panels),
        table=table,
        layout=typeset("Variants of a policy", columns, rows),
    )


def order_plot(table: "pandas.DataFrame") -> Plot:
    """Paired differences between the two orders of a policy, one line a shift.

    Args:
        table: As `fdp_bench.report.tables.orders.order_table` returns it, at least one row.
    """
    rows = table.to_dict("records")
    several = len({row["task"] for row in rows}) > 1
    panels: dict[str, list[Row]] = {}
    for row in rows:
        task = f"{short_task(row['task'])}\n" if several else ""
        title = f"{task}{row['policy_a']}\nminus {row['policy_b']}"
        panels.setdefault(title, []).append(row)
    columns = (
        Column("task", lambda row: short_task(row["task"]), numeric=False),
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", lambda row: split_shift(row["shift"])[1]),
        Column("order A", lambda row: str(row["policy_a"]), numeric=False),
        Column("order B", lambda row: str(row["policy_b"]), numeric=False),
        Column("n", lambda row: str(row["pairs"])),
        Column("A %", lambda row: percent(row["rate_a"])),
        Column("B %", lambda row: percent(row["rate_b"])),
        Column("A - B pp [95%]", lambda row: signed(row, "difference")),
        Column("p Holm", lambda row: p_value(row["mcnemar_p_holm"])),
    )
    least, most = (pick(row["pairs"] for row in rows) for pick in (min, max))
    pairs = f"{most}" if least == most else f"{least} to {most}"
    return Plot(
        stem="priority-order",
        title="Which sense comes first",
        caption=(
            f"n = {pairs} pairs of episodes a line, Newcombe's paired 95% intervals. Right of 0: the first order "
            "succeeds more often on the same episodes. A filled mark: Holm-adjusted p below 0.05."
        ),
        panels=tuple(
            Panel(
                title,
                partial(draw_differences, rows=members),
                (6.2, 1.1 + 0.36 * len(members)),
                members[0]["task"],
            )
            for title, members in panels.items()
        ),
        table=table,
        layout=typeset("One order against the other", columns, rows),
    )


def draw_bars(axes: "Axes", rows: Sequence[Row], variants: Sequence[str], names: Sequence[str]) -> None:
    """Draw a bar with its interval for each variant, the first at the top; its place in `names` gives its style."""
    for row in rows:
        number = variants.index(row["variant"])
        style = series_style(names.index(row["variant"]))
        rate, low, high = (100 * row[name] for name in ("success_rate", "low", "high"))
        axes.barh(
            number,
            rate,
            0.7,
            xerr=[[rate - low], [high - rate]],
            color=style.color,
            hatch=style.hatch,
            edgecolor=ink(),
            linewidth=0.8,
            error_kw={"elinewidth": 1.4, "capsize": 3, "ecolor": ink()},
        )
        axes.annotate(
            f"{rate:.0f}", (high, number), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9
        )
    based = [row for row in rows if known(row["base_rate"])]
    if based:
        places = [float(variants.index(row["variant"])) for row in based]
        draw_base(axes, places, [0.45] * len(based), [100 * row["base_rate"] for row in based], rotated=True)
    axes.set_yticks(range(len(variants)), list(map(drawable, variants)))
    axes.set_ylim(len(variants) - 0.4, -0.6)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("success rate (% of episodes)")
    axes.set_ylabel("variant")
    _quiet(axes)


def draw_differences(axes: "Axes", rows: Sequence[Row]) -> None:
    """Draw a paired difference with its interval for each row, the first at the top."""
    style = series_style(0)
    for number, row in enumerate(rows):
        difference, low, high = (
            100 * row[name] for name in ("difference", "difference_low", "difference_high")
        )
        axes.errorbar(
            difference,
            number,
            xerr=[[difference - low], [high - difference]],
            color=style.color,
            marker=style.marker,
            markersize=8,
            markerfacecolor=style.color if row["mcnemar_p_holm"] < 0.05 else "none",
            capsize=4,
            elinewidth=1.8,
        )
    axes.axvline(0, color=ink(), linewidth=1)
    axes.set_yticks(range(len(rows)), [drawable(shift_title(row["shift"])) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-105, 105)
    axes.set_xlabel("difference in success (percentage points)")
    axes.set_ylabel("shift")
    _quiet(axes)


def _quiet(axes: "Axes") -> None:
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _by_scene(rows: Sequence[Row]) -> dict[str, list[Row]]:
    several = len({row["task"] for row in rows}) > 1
    scenes: dict[str, list[Row]] = {}
    for row in rows:
        task = f"{short_task(row['task'])}: " if several else ""
        scenes.setdefault(f"{task}{shift_title(row['shift'])}", []).append(row)
    return scenes

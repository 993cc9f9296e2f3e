"""Every plot that some records support."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fdp_bench.report.figures.bar_plots import ablation_plot, order_plot
from fdp_bench.report.figures.curve_plots import efficiency_plot, severity_plot
from fdp_bench.report.figures.loss_plots import loss_plot, rise_plot
from fdp_bench.report.figures.plots import Plot
from fdp_bench.report.figures.style import Palette
from fdp_bench.report.figures.surface_plot import surface_plot
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.curves import (
    Trainings,
    ablation_table,
    efficiency_table,
    severity_table,
    surface_table,
)
from fdp_bench.report.tables.losses import loss_table, rise_table
from fdp_bench.report.tables.orders import order_table
from fdp_bench.report.tables.trainings import (
    DEMOS,
    SEED,
    find_trainings,
    name_policies,
    name_series,
    tasks_in,
)

if TYPE_CHECKING:
    import pandas


def report_palette(summary: "pandas.DataFrame", trainings: Trainings) -> Palette:
    """One style for each series of a report, in the order of its tables."""
    names = name_series(trainings, tasks_in(summary), pooled=(SEED, DEMOS))
    keys = zip(summary["policy"], summary["checkpoint"], strict=True)
    return Palette(tuple(dict.fromkeys(names[key] for key in keys)))


def supported_plots(
    runs: Runs, summary: "pandas.DataFrame", comparison: "pandas.DataFrame"
) -> tuple[Plot, ...]:
    """Plots for which there are enough points, in the order in which they are read.

    Args:
        runs: What is reported.
        summary: Its `fdp_bench.report.tables.summary.summarize`.
        comparison: Its `fdp_bench.report.tables.summary.compare_policies`.
    """
    trainings = find_trainings(runs.records)
    names = name_policies(trainings, tasks_in(summary))
    palette = report_palette(summary, trainings)
    candidates: tuple[tuple[Callable[[pandas.DataFrame], Plot], pandas.DataFrame], ...] = (
        (partial(severity_plot, palette=palette), severity_table(summary, trainings)),
        (partial(efficiency_plot, palette=palette), efficiency_table(summary, trainings)),
        (surface_plot, surface_table(summary, trainings)),
        (order_plot, order_table(summary, comparison)),
        (partial(ablation_plot, palette=palette), ablation_table(summary, trainings)),
        (partial(loss_plot, palette=palette), loss_table(runs, names)),
        (partial(rise_plot, palette=palette), rise_table(runs, names)),
    )
    return tuple(draw(table) for draw, table in candidates if not table.empty)

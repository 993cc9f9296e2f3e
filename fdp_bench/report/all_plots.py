"""Every plot that some records support."""

from typing import TYPE_CHECKING

from fdp_bench.report.bar_plots import ablation_plot, order_plot
from fdp_bench.report.curve_plots import efficiency_plot, severity_plot
from fdp_bench.report.curves import ablation_table, efficiency_table, severity_table, surface_table
from fdp_bench.report.loss_plots import loss_plot, rise_plot
from fdp_bench.report.losses import loss_table, rise_table
from fdp_bench.report.orders import order_table
from fdp_bench.report.plots import Plot
from fdp_bench.report.runs import Runs
from fdp_bench.report.surface_plot import surface_plot
from fdp_bench.report.trainings import find_trainings, name_policies

if TYPE_CHECKING:
    import pandas


def supported_plots(
    runs: Runs, summary: "pandas.DataFrame", comparison: "pandas.DataFrame"
) -> tuple[Plot, ...]:
    """Plots for which there are enough points, in the order in which they are read.

    Args:
        runs: What is reported.
        summary: Its `fdp_bench.report.tables.summarize`.
        comparison: Its `fdp_bench.report.tables.compare_policies`.
    """
    trainings = find_trainings(runs.records)
    names = name_policies(trainings)
    candidates = (
        (severity_plot, severity_table(summary, trainings)),
        (efficiency_plot, efficiency_table(summary, trainings)),
        (surface_plot, surface_table(summary, trainings)),
        (order_plot, order_table(summary, comparison)),
        (ablation_plot, ablation_table(summary, trainings)),
        (loss_plot, loss_table(runs.manifests, names)),
        (rise_plot, rise_table(runs.manifests, names)),
    )
    return tuple(draw(table) for draw, table in candidates if not table.empty)

"""Gathers what a page shows from runs, tables and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.report.coverage import Coverage
from fdp_bench.report.figures.plots import Plot
from fdp_bench.report.html.content import chart, film_groups, gallery, overview
from fdp_bench.report.html.grid import episode_grid
from fdp_bench.report.html.page import Page
from fdp_bench.report.html.provenance import remake_commands, run_facts
from fdp_bench.report.html.tables import headline_table, page_table
from fdp_bench.report.names import short_task
from fdp_bench.report.runs import Runs
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames
from fdp_bench.report.tables.all_tasks import all_tasks_layouts
from fdp_bench.report.tables.effects import effect_layouts, effect_table
from fdp_bench.report.tables.findings import findings
from fdp_bench.report.tables.safety import (
    safety_comparison,
    safety_comparison_layouts,
    safety_layouts,
    safety_table,
)
from fdp_bench.report.tables.seeds import seed_layout, seed_table
from fdp_bench.report.tables.severity_auc import severity_auc_layout, severity_auc_table
from fdp_bench.report.tables.trainings import find_trainings
from fdp_bench.report.typeset import comparison_layouts

if TYPE_CHECKING:
    import pandas


def assemble(
    runs: Runs,
    summary: "pandas.DataFrame",
    comparison: "pandas.DataFrame",
    *,
    plots: Sequence[Plot],
    previews: Sequence[SeverityFrames],
    unseen: Sequence[tuple[str, str]],
    warnings: Sequence[str],
    coverage: Sequence[Coverage],
    folder: Path,
    files: Sequence[Path],
    command: Sequence[str],
    notes: Sequence[str],
) -> Page:
    """Make the page's content.

    Args:
        runs: What is reported.
        summary: Its `fdp_bench.report.tables.summary.summarize`.
        comparison: Its `fdp_bench.report.tables.summary.compare_policies`.
        plots: Its plots.
        previews: Its shifts at every severity.
        unseen: (shift, task) pairs of those that change no picture.
        warnings: Sentences on what is unfinished or could not be drawn.
        coverage: What the runs hold of the suites that they belong to.
        folder: Where the page will lie.
        files: What lies beside it.
        command: The command that writes the report.
        notes: Blocks of plain text that belong under the tables.
    """
    title, facts = overview(runs, summary)
    areas, seeds = severity_auc_table(runs.records), seed_table(summary, find_trainings(runs.records))
    aggregates = [] if areas.empty else [severity_auc_layout(areas)]
    aggregates += [] if seeds.empty else [seed_layout(seeds)]
    return Page(
        title=title,
        facts=facts,
        findings=findings(summary, comparison, find_trainings(runs.records)),
        warnings=warnings,
        coverage=coverage,
        across=[page_table(layout) for layout in all_tasks_layouts(summary)],
        headline=[headline_table(summary, task) for task in dict.fromkeys(summary["task"])],
        comparison=[page_table(layout) for layout in comparison_layouts(comparison)],
        charts=[chart(plot) for plot in plots],
        notes=notes,
        areas=[page_table(layout) for layout in aggregates],
        effects=[page_table(layout) for layout in effect_layouts(effect_table(runs.records))],
        galleries=[gallery(preview) for preview in previews],
        unseen=_by_shift(unseen),
        films=film_groups(runs),
        safety=[page_table(layout) for layout in safety_layouts(safety_table(runs.records))],
        safety_comparison=[
            page_table(layout) for layout in safety_comparison_layouts(safety_comparison(runs.records))
        ],
        grid=episode_grid(runs, folder),
        runs=run_facts(runs, folder),
        remake=remake_commands(runs, command),
        files=[file.name for file in files],
    )


def _by_shift(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """(shift, task) pairs as ``"prop_bias (Can-v1, Lift-v1)"``."""
    tasks: dict[str, list[str]] = {}
    for shift, task in pairs:
        tasks.setdefault(shift, []).append(short_task(task))
    return [f"{shift} ({', '.join(names)})" for shift, names in tasks.items()]

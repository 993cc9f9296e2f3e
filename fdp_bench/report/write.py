"""Writes a report's files into a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.api import CLEAN, FdpBenchError, RunError
from fdp_bench.api.files import write_whole
from fdp_bench.report.coverage import Coverage, coverage_markdown
from fdp_bench.report.figures.all_plots import report_palette, supported_plots
from fdp_bench.report.figures.films import find_films, save_film
from fdp_bench.report.figures.plots import Plot, compose
from fdp_bench.report.figures.style import save_figure, themed
from fdp_bench.report.figures.success_bars import save_success_plot
from fdp_bench.report.html.assemble import assemble
from fdp_bench.report.html.page import render
from fdp_bench.report.names import shift_slug, split_shift
from fdp_bench.report.runs import Runs, probed_latencies
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames
from fdp_bench.report.shift_previews.strips import save_strip
from fdp_bench.report.tables.all_tasks import all_tasks_table
from fdp_bench.report.tables.effects import effect_table
from fdp_bench.report.tables.safety import safety_comparison, safety_layouts, safety_table
from fdp_bench.report.tables.seeds import seed_layout, seed_table
from fdp_bench.report.tables.severity_auc import severity_auc_layout, severity_auc_table
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.tables.trainings import find_trainings, name_policies, tasks_of
from fdp_bench.report.text.markup import csv_text, latex_report, markdown_report, markdown_table

if TYPE_CHECKING:
    import pandas

#: (task, shift without severity) -> its frames at every severity; raises `FdpBenchError` where it cannot be drawn.
DrawPreview = Callable[[str, str], SeverityFrames]
#: Name of the page.
PAGE_NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        summary: See `summarize`.
        comparison: See `compare_policies`.
        files: The files, in the order written; the page is the last.
        missing: One sentence for each picture that could not be drawn.
    """

    summary: "pandas.DataFrame"
    comparison: "pandas.DataFrame"
    files: tuple[Path, ...]
    missing: tuple[str, ...]


def write_report(
    runs: Runs,
    folder: Path,
    draw_preview: DrawPreview,
    command: Sequence[str] = ("fdp-bench", "report"),
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
    coverage: Sequence[Coverage] = (),
) -> Report:
    """Write tables, plots, film strips and the page of runs; files of an earlier report are replaced.

    Args:
        runs: What to report.
        folder: Made where it is missing.
        draw_preview: Draws a shift's severities.
        command: The command that writes this report, for the page.
        notes: Blocks of plain text that belong under the page's tables.
        warnings: Sentences on what is unfinished.
        coverage: What the runs hold of the suites that they belong to.

    Raises:
        RunError: If the folder cannot be written.
    """
    trainings = find_trainings(runs.records)
    summary = summarize(runs.records, probed_latencies(runs.manifests))
    comparison = compare_policies(runs.records)
    safety = safety_table(runs.records)
    plots = supported_plots(runs, summary, comparison)
    drawn, missing = _draw_previews(runs, draw_preview)
    # Equal frames at every level would say nothing.
    previews = [preview for preview in drawn if preview.is_seen]
    unseen = [(preview.shift, preview.task) for preview in drawn if not preview.is_seen]
    texts = {
        "summary.csv": csv_text(summary),
        "comparison.csv": csv_text(comparison),
        "summary.md": markdown_report(summary, comparison, coverage_markdown(coverage)),
        "summary.tex": latex_report(summary, comparison),
    }
    if not safety.empty:
        texts |= {
            "safety.csv": csv_text(safety),
            "safety.md": "\n".join(map(markdown_table, safety_layouts(safety))),
            "safety-comparison.csv": csv_text(safety_comparison(runs.records)),
        }
    effects, areas = effect_table(runs.records), severity_auc_table(runs.records)
    if not effects.empty:
        texts["effects.csv"] = csv_text(effects)
    if not areas.empty:
        texts |= {
            "severity-area.csv": csv_text(areas),
            "severity-area.md": markdown_table(severity_auc_layout(areas)),
        }
    across = all_tasks_table(summary)
    if not across.empty:
        texts["tasks.csv"] = csv_text(across)
    seeds = seed_table(summary, trainings)
    if not seeds.empty:
        texts |= {"seeds.csv": csv_text(seeds), "seeds.md": markdown_table(seed_layout(seeds))}
    for plot in plots:
        texts |= {f"{plot.stem}.csv": csv_text(plot.table), f"{plot.stem}.md": markdown_table(plot.layout)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / name for name in texts]
        for file, text in zip(files, texts.values(), strict=True):
            write_whole(file, text)
        files += save_success_plot(summary, folder, report_palette(summary, trainings))
        files += _save_plots(plots, folder)
        files += _save_strips(previews, folder) + _save_films(runs, folder)
        page = assemble(
            runs,
            summary,
            comparison,
            plots=plots,
            previews=previews,
            unseen=unseen,
            warnings=[*warnings, *missing],
            coverage=coverage,
            folder=folder,
            files=files,
            command=command,
            notes=notes,
        )
        files.append(folder / PAGE_NAME)
        write_whole(files[-1], render(page))
    except OSError as error:
        raise RunError(
            f"report folder {str(folder)!r} cannot be written: {error}; choose another --out"
        ) from error
    return Report(summary, comparison, tuple(files), tuple(missing))


def _draw_previews(runs: Runs, draw_preview: DrawPreview) -> tuple[list[SeverityFrames], list[str]]:
    """A preview for each task and shift, and a sentence for each that cannot be drawn."""
    shown = dict.fromkeys(
        (record.spec.task, split_shift(record.spec.shift)[0])
        for record in runs.records
        if record.spec.shift != CLEAN
    )
    previews, missing = [], []
    for task, shift in sorted(shown):
        try:
            previews.append(draw_preview(task, shift))
        except FdpBenchError as error:
            missing.append(f"no film strip of {shift} on {task}: {error}")
    return previews, missing


def _save_plots(plots: Sequence[Plot], folder: Path) -> list[Path]:
    files = []
    for plot in plots:
        with themed():
            files += save_figure(compose(plot), folder, plot.stem)
    return files


def _save_strips(previews: Sequence[SeverityFrames], folder: Path) -> list[Path]:
    several_tasks = len({preview.task for preview in previews}) > 1
    return [
        save_strip(preview, folder, suffix=_task_suffix(preview.task) if several_tasks else "")
        for preview in previews
    ]


def _save_films(runs: Runs, folder: Path) -> list[Path]:
    names = name_policies(find_trainings(runs.records), tasks_of(runs.records))
    tasks = [str(manifest.config.get("task", "")) for manifest in runs.manifests]
    films = [
        (number, film)
        for number, (path, manifest) in enumerate(zip(runs.paths, runs.manifests, strict=True))
        for film in find_films(path, tasks[number], manifest.arms, names)
    ]
    # A run a task is told by its task, several runs of one by their number.
    by_task = len(set(tasks)) == len(tasks)
    suffixes = [
        _task_suffix(task) if by_task else f"-run{number}" for number, task in enumerate(tasks, start=1)
    ]
    return [
        save_film(film, folder, suffix=suffixes[number] if len(tasks) > 1 else "") for number, film in films
    ]


def _task_suffix(task: str) -> str:
    return "-" + shift_slug(task.rpartition("/")[2])

"""Writes a report's files into a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.api import CLEAN, EpisodeRecord, FdpBenchError, RunError
from fdp_bench.report.bars import save_success_plot
from fdp_bench.report.films import find_films, save_film
from fdp_bench.report.ladder import Ladder
from fdp_bench.report.layout import split_shift
from fdp_bench.report.markup import csv_text, latex_report, markdown_report
from fdp_bench.report.runs import Runs
from fdp_bench.report.strips import save_strip
from fdp_bench.report.tables import compare_policies, summarize

if TYPE_CHECKING:
    import pandas

#: (task, shift without severity) -> its ladder; raises `FdpBenchError` where it cannot be drawn.
DrawLadder = Callable[[str, str], Ladder]


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        summary: See `summarize`.
        comparison: See `compare_policies`.
        files: The files, in the order written.
        missing: One sentence for each picture that could not be drawn.
    """

    summary: "pandas.DataFrame"
    comparison: "pandas.DataFrame"
    files: tuple[Path, ...]
    missing: tuple[str, ...]


def write_report(runs: Runs, folder: Path, draw_ladder: DrawLadder) -> Report:
    """Write tables, the plot and film strips of runs; files of an earlier report are replaced.

    Args:
        runs: What to report.
        folder: Made where it is missing.
        draw_ladder: Draws a shift's severities.

    Raises:
        RunError: If the folder cannot be written.
    """
    summary, comparison = summarize(runs.records), compare_policies(runs.records)
    texts = {
        "summary.csv": csv_text(summary),
        "comparison.csv": csv_text(comparison),
        "summary.md": markdown_report(summary, comparison),
        "summary.tex": latex_report(summary, comparison),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / name for name in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, encoding="utf-8")
        files += save_success_plot(summary, folder)
        strips, missing = _write_strips(runs.records, folder, draw_ladder)
        files += strips + _write_films(runs, folder)
    except OSError as error:
        raise RunError(
            f"report folder {str(folder)!r} cannot be written: {error}; choose another --out"
        ) from error
    return Report(summary, comparison, tuple(files), tuple(missing))


def _write_strips(
    records: Sequence[EpisodeRecord], folder: Path, draw_ladder: DrawLadder
) -> tuple[list[Path], list[str]]:
    shown = dict.fromkeys(
        (record.spec.task, split_shift(record.spec.shift)[0])
        for record in records
        if record.spec.shift != CLEAN
    )
    several_tasks = len({task for task, _ in shown}) > 1
    files, missing = [], []
    for task, shift in sorted(shown):
        try:
            ladder = draw_ladder(task, shift)
        except FdpBenchError as error:
            missing.append(f"no film strip of {shift} on {task}: {error}")
            continue
        files.append(save_strip(ladder, folder, suffix=_task_suffix(task) if several_tasks else ""))
    return files, missing


def _write_films(runs: Runs, folder: Path) -> list[Path]:
    films = [
        (number, film)
        for number, (path, manifest) in enumerate(zip(runs.paths, runs.manifests, strict=True), start=1)
        for film in find_films(path, str(manifest.config.get("task", "")), manifest.arms)
    ]
    several = len(runs.paths) > 1
    return [save_film(film, folder, suffix=f"-run{number}" if several else "") for number, film in films]


def _task_suffix(task: str) -> str:
    return "-" + task.rpartition("/")[2].lower()

"""Write tables, plots, film strips and one page, report.html, of runs, and print the tables.

Without a run, the newest one under results/ is reported; if it is of several tasks, all of them together. Several
runs are joined into one report; a folder of runs, a sweep's for instance, means all runs in it. --publish writes the
report into a folder of its own with all that it was made from but the weights: manifests, compressed records, cards
and logs of the trainings. `fdp-bench report` reads such a folder like the runs themselves.

  fdp-bench report
  fdp-bench report results/20260131-120000-Lift-fdp-occlusion
  fdp-bench report results/robustness
  fdp-bench report RUN_A RUN_B --out DIR
  fdp-bench report runs/sweeps/paper --publish results/paper
"""

import argparse
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.cli.main import SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.report.runs import Runs
    from fdp_bench.report.shift_previews.severity_frames import SeverityFrames

SUMMARY = SUBCOMMANDS["report"]
#: Folder of the report inside its run.
REPORT_NAME = "report"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="folder of a run, or of several (default: the newest in results/)",
    )
    places = parser.add_mutually_exclusive_group()
    places.add_argument("--out", type=Path, metavar="DIR", help="folder of the report (default: RUN/report)")
    places.add_argument(
        "--publish",
        type=Path,
        metavar="DIR",
        help="folder of the report and of what it is made from, compressed and without weights",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.api.errors import RunError
    from fdp_bench.records.writer import refuse_link
    from fdp_bench.report.coverage import coverage_text
    from fdp_bench.report.runs import in_results, load_runs, newest_run
    from fdp_bench.report.text.terminal import across_text, comparison_table, shown, terminal_table
    from fdp_bench.report.write import write_report
    from fdp_bench.suites.coverage import coverage_of, sweeps_in
    from fdp_bench.suites.publish import publish
    from fdp_bench.suites.relocation import Relocation

    asked: list[Path] = args.runs or [newest_run()]
    chosen: Path | None = args.out or args.publish
    if chosen is None and len(asked) > 1:
        raise RunError("several runs make one report; say where it goes: fdp-bench report RUN RUN --out DIR")
    folder = chosen or in_results(asked[0]) / REPORT_NAME
    if chosen is None:
        refuse_link(folder)
    command = [*args.command_line[:2], *map(str, asked)]
    if args.publish:
        publish(asked, folder)
        command += ["--publish", str(folder)]
    elif args.out:
        command += ["--out", str(folder)]
    sources = [folder] if args.publish else asked
    runs, sweeps = load_runs(sources), sweeps_in(sources)
    coverage, unfinished, notes = (
        [coverage_of(sweep) for sweep in sweeps],
        runs.unfinished(sweeps),
        _notes(runs),
    )
    for sentence in (*unfinished, *runs.unlike()):
        print(shown(f"warning: {sentence}"), file=sys.stderr)
    if args.publish:
        # Nor does the page say where a folder lies on this machine.
        tidy = Relocation.of(folder, folder.name).text
        unfinished, notes = list(map(tidy, unfinished)), list(map(tidy, notes))
        command = [Path(word).name if Path(word).is_absolute() else word for word in command]
    report = write_report(
        runs, folder, _ladder_drawer(runs), command, notes, warnings=unfinished, coverage=coverage
    )
    # Of several tasks, the table of all of them is read last, where the terminal shows it.
    tables = [
        coverage_text(coverage),
        terminal_table(report.summary),
        comparison_table(report.comparison),
        *notes,
    ]
    tables.append(across_text(report.summary))
    print(shown("\n\n".join(filter(None, tables))))
    for sentence in report.missing:
        print(shown(f"warning: {sentence}"), file=sys.stderr)
    names = ", ".join(file.name for file in report.files)
    print(f"\nreport of {', '.join(map(str, asked))} in {folder}: {names}\nread: {report.files[-1]}")
    return 0


def _notes(runs: "Runs") -> list[str]:
    """What `fdp-bench run` says under its table: parts of runs, noise floors, decisions."""
    from collections import Counter

    from fdp_bench.cli._run_notes import decisions_text, retest_text
    from fdp_bench.records import RunStore
    from fdp_bench.records.shards import partial_shards
    from fdp_bench.runner.retest import read_retest

    notes = partial_shards(runs.paths, runs.manifests)
    for path in runs.paths:
        store = RunStore.open(path)
        retest, where = read_retest(store), f"{path}\n" if len(runs.paths) > 1 else ""
        if decisions := decisions_text(store):
            notes.append(where + decisions)
        if retest is not None:
            smallest = min(Counter(record.spec.arm for record in store.records()).values())
            notes.append(where + retest_text(retest, smallest))
    return notes


def _ladder_drawer(runs: "Runs") -> "Callable[[str, str], SeverityFrames]":
    """Draw severities on the runs' tasks with their render profile; each environment is built once."""
    from fdp_bench.cli._ladders import shift_ladder
    from fdp_bench.runner.rollout.environment import make_base

    make_once = cache(lambda task: make_base(task, runs.profile or "fast"))

    def draw(task: str, shift: str) -> "SeverityFrames":
        return shift_ladder(make_once(task), task, shift, run_seed=runs.records[0].spec.run_seed)

    return draw

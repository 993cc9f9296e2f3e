"""Plan, train and run a whole experiment, and resume it: a second call does only what is missing.

Without a suite, the packaged ones are listed. A suite is one of them or a TOML file of yours.

  fdp-bench sweep robustness --dry-run
  fdp-bench sweep data-efficiency --tier standard --data Lift=lift.hdf5
  fdp-bench sweep data-efficiency --policies dp-dit "fdp:prop>vision" --shifts occlusion --steps 2000
  fdp-bench report runs/sweeps/data-efficiency
  fdp-bench sweep data-efficiency --check results/data-efficiency
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.cli._numbers import positive, whole
from fdp_bench.cli.main import PROGRAM, SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.api.episode import EpisodeRecord
    from fdp_bench.runner.progress import ProgressBar, RunInfo
    from fdp_bench.suites.planning import SweepPlan
    from fdp_bench.suites.request import SweepRequest
    from fdp_bench.suites.suite import Suite

SUMMARY = SUBCOMMANDS["sweep"]
#: Where sweeps go unless --out says otherwise.
SWEEPS = Path("runs", "sweeps")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("suite", nargs="?", metavar="SUITE", help="name of a packaged suite, or a TOML file")
    only_say = parser.add_mutually_exclusive_group()
    only_say.add_argument(
        "--dry-run", action="store_true", help="say what would be trained and run, and how long it takes"
    )
    only_say.add_argument(
        "--check",
        type=Path,
        metavar="DIR",
        help="count the suite's cells in a sweep's folder, published or not; exit code 1 if some are missing",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--episodes", type=positive, metavar="N", help="episodes a cell (default: the suite's)")
    size.add_argument("--tier", choices=("smoke", "standard", "full"), help="10, 100 or 200 episodes a cell")
    add("--policies", nargs="+", default=[], metavar="SPEC", help="only these policies of the suite")
    add("--shifts", nargs="+", default=[], metavar="SPEC", help="only these shifts of the suite")
    add("--tasks", nargs="+", default=[], metavar="TASK", help="only these tasks of the suite")
    add(
        "--train-seeds",
        nargs="+",
        type=whole,
        default=[],
        metavar="N",
        help="only these training seeds of the suite",
    )
    add(
        "--steps",
        type=positive,
        metavar="N",
        help="gradient steps a policy; scales every number of steps of the suite, and the result says so",
    )
    add(
        "--data",
        action="append",
        default=[],
        metavar="TASK=FILE",
        help="demonstrations to train on (default: collected on first need)",
    )
    add(
        "--train-dir",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="folder with weights in demosN-seedS, used where they were made from the same data and settings "
        "(runs/train is looked through anyway)",
    )
    add("--jobs", type=positive, default=1, metavar="N", help="trainings side by side (default: 1)")
    add(
        "--workers",
        type=positive,
        metavar="N",
        help="worker processes of the runs (default: the usable cores)",
    )
    add("--device", default="cpu", metavar="NAME", help="device of policies and trainings (default: cpu)")
    add("--out", type=Path, metavar="DIR", help="folder of the sweep (default: runs/sweeps/SUITE)")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.runner.interrupts import RunInterruptedError

    if args.suite is None:
        from fdp_bench.cli.list import suite_lines

        print("\n".join(["SUITES", *suite_lines()]))
        return 0
    if args.check is not None:
        return _check(args)
    plan = _plan(args)
    print(_overview(plan, args))
    if args.dry_run:
        return 0
    sys.stdout.flush()
    try:
        runs = _run(plan)
    except (KeyboardInterrupt, RunInterruptedError) as stopped:
        print(str(stopped) or "interrupted", file=sys.stderr)
        print(f"the whole sweep goes on with: {shlex.join(args.command_line)}", file=sys.stderr)
        return (
            stopped.exit_code if isinstance(stopped, RunInterruptedError) else RunInterruptedError.exit_code
        )
    _show(plan.request.out, runs)
    return 0


def _check(args: argparse.Namespace) -> int:
    from fdp_bench.report.coverage import coverage_text
    from fdp_bench.suites.coverage import check_suite

    coverage = check_suite(_suite(args), args.check)
    print(coverage_text([coverage]))
    return 1 if coverage.missing else 0


def _suite(args: argparse.Namespace) -> "Suite":
    """The suite with the filters and the number of episodes that were asked for."""
    from dataclasses import replace

    from fdp_bench.runner.config import TIERS
    from fdp_bench.suites.cells import filtered
    from fdp_bench.suites.load import load_suite

    suite = filtered(
        load_suite(args.suite),
        args.policies,
        args.shifts,
        tasks=args.tasks,
        train_seeds=args.train_seeds,
    )
    episodes = TIERS[args.tier] if args.tier else args.episodes or suite.episodes
    return replace(suite, episodes=episodes)


def _plan(args: argparse.Namespace) -> "SweepPlan":
    from fdp_bench.suites.planning import plan_sweep
    from fdp_bench.suites.request import SweepRequest

    suite = _suite(args)
    return plan_sweep(
        SweepRequest(
            suite=suite,
            out=args.out or SWEEPS / suite.name,
            command=_remake(args),
            steps=args.steps,
            data=_data(args.data, suite),
            train_dirs=_train_dirs(args.train_dir),
            jobs=args.jobs,
            workers=args.workers,
            device=args.device,
        )
    )


def _remake(args: argparse.Namespace) -> str:
    """The command without what only says where things lie on this machine."""
    suite = Path(args.suite)
    words = [PROGRAM, "sweep", suite.name if suite.is_absolute() else str(suite)]
    for name in ("tier", "episodes", "steps"):
        if getattr(args, name) is not None:
            words += [f"--{name}", str(getattr(args, name))]
    for name in ("policies", "shifts", "tasks", "train_seeds"):
        if getattr(args, name):
            words += [f"--{name.replace('_', '-')}", *map(str, getattr(args, name))]
    if args.device != "cpu":
        words += ["--device", args.device]
    return shlex.join(words)


def _data(entries: list[str], suite: "Suite") -> dict[str, Path]:
    from fdp_bench.api import DatasetError, SpecError, nearest
    from fdp_bench.demos.advice import way_to
    from fdp_bench.suites.cells import short_task
    from fdp_bench.tasks import resolve_task

    names = {short_task(task): task for task in suite.tasks} | {task: task for task in suite.tasks}
    names |= {name.rpartition("-v")[0]: task for name, task in names.items() if "-v" in name}
    found: dict[str, Path] = {}
    for entry in entries:
        name, equals, file = entry.partition("=")
        if not (equals and file):
            raise SpecError(f"--data {entry!r} is not TASK=FILE; write for instance --data Lift=lift.hdf5")
        if name not in names and name.endswith(".toml"):
            name = resolve_task(name)
        if name not in names:
            raise SpecError(f"--data {entry!r}: the suite has no task {name!r}{nearest(name, names)}")
        path = Path(file)
        if not path.is_file():
            raise DatasetError(
                f"--data {entry!r}: there is no file {path}; {way_to('make it', names[name], num=200, out=path)}"
            )
        found[names[name]] = path
    return found


def _train_dirs(folders: list[Path]) -> tuple[Path, ...]:
    from fdp_bench.api import RunError

    for folder in folders:
        if not folder.is_dir():
            raise RunError(f"--train-dir {folder}: there is no such folder; it holds folders demosN-seedS")
    return tuple(folders)


def _overview(plan: "SweepPlan", args: argparse.Namespace) -> str:
    from fdp_bench.records.provenance import machine
    from fdp_bench.runner.config import BATCH_ROWS
    from fdp_bench.runner.workers.capacity import default_workers
    from fdp_bench.suites.estimate import measure_pace
    from fdp_bench.suites.overview import overview

    request: SweepRequest = plan.request
    journals = {*SWEEPS.glob("*/sweep.json"), request.out / "sweep.json"}
    patterns = ("results/*/", "runs/*/", f"{SWEEPS}/*/runs/*/")
    runs = {folder for pattern in patterns for folder in Path().glob(pattern)} | {
        *request.out.glob("runs/*/")
    }
    pace = measure_pace(sorted(journals), sorted(runs), machine(args.device))
    return overview(plan, pace, workers=args.workers or default_workers(BATCH_ROWS))


def _run(plan: "SweepPlan") -> list[Path]:
    from fdp_bench.suites.sweep import run_sweep

    bars = _Bars()
    try:
        return run_sweep(plan, progress=bars, say=bars.say)
    finally:
        bars.close()


class _Bars:
    """One run's progress bar after the other, and lines in between."""

    def __init__(self) -> None:
        self._bar: ProgressBar | None = None

    def __call__(self, run_info: "RunInfo") -> "Callable[[EpisodeRecord], None]":
        from fdp_bench.runner.progress import ProgressBar

        self.close()
        self._bar = ProgressBar(sys.stderr)
        return self._bar(run_info)

    def say(self, line: str) -> None:
        self.close()
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__()
            self._bar = None


def _show(out: Path, runs: list[Path]) -> None:
    from fdp_bench.api import RunError
    from fdp_bench.report.runs import load_runs, probed_latencies
    from fdp_bench.report.tables.summary import summarize
    from fdp_bench.report.text.terminal import terminal_table

    try:
        loaded = load_runs(runs)
        print("\n" + terminal_table(summarize(loaded.records, probed_latencies(loaded.manifests))))
    except RunError as error:
        # Runs of several versions are each whole; only one table of all of them would mislead.
        print(f"no table of all runs: {error}", file=sys.stderr)
    print(f"\nnext: {shlex.join([PROGRAM, 'report', str(out)])}")

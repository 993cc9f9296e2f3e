"""Train policies on demonstrations, a sweep of them in one command; needs no simulator.

fdp-bench train --policy "fdp:prop>vision" --task Lift --data lift.npz
fdp-bench train --policy "fdp:prop>vision" --policy dp-dit --task Lift --data lift.npz --num-demos 25,100 --seed 0,1,2

The same command goes on after a kill, and makes nothing twice.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fdp_bench.training.job import Trained, TrainingJob

SUMMARY = "train a policy on demonstrations"

#: Exit code when a training of several failed; the others are done.
_FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument(
        "--policy",
        action="append",
        required=True,
        help='policy to train, for instance "fdp:prop>vision"; may be given several times',
    )
    parser.add_argument(
        "--task", required=True, help="task that the demonstrations show: Lift, LiftWide or an id"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="demonstrations from 'fdp-bench demos', HDF5 or packed (.npz)",
    )
    parser.add_argument(
        "--num-demos",
        type=_numbers(1),
        default=(100,),
        metavar="N[,N...]",
        help="demonstrations to train on; others of the file are held out (default: 100)",
    )
    parser.add_argument(
        "--seed",
        type=_numbers(0),
        default=(0,),
        metavar="S[,S...]",
        help="decides everything random (default: 0)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        help="gradient steps in all; for FDP base and residual together (default: the recipe's)",
    )
    parser.add_argument("--device", default="cpu", help="torch device (default: %(default)s)")
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="trainings at once, where there are several (default: one a core; on a GPU 8 at most)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for weights, card, log and plot (default: runs/train/TASK/demosN-seedS); "
        "with several sizes or seeds, demosN-seedS are made in it",
    )
    parser.add_argument("--recipe", help="named recipe: 'default', or 'paper' for the plain noise loss")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other training setting, for instance learning_rate=3e-4; may be given several times",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.api import SpecError
    from fdp_bench.cli._typed_task import typed_task
    from fdp_bench.training.job import plan_jobs
    from fdp_bench.training.worker import train

    settings = _settings(args)
    if args.jobs is not None and args.jobs < 1:
        raise SpecError(f"--jobs {args.jobs} must be at least 1; leave it out for one a core")
    task_id = typed_task(args.task)
    jobs = plan_jobs(
        args.policy,
        task_id,
        args.data,
        num_demos=args.num_demos,
        seeds=args.seed,
        out=args.out or Path("runs", "train", task_id.split("/")[-1]),
        settings=settings,
        folder_each=args.out is None,
    )
    for folder in {job.out: None for job in jobs}:
        _check_writable(folder)
    if len(jobs) > 1:
        return _train_several(jobs, args)
    done = train(jobs[0])
    print(f"{'wrote' if done.made else 'there already:'} {done.checkpoint}\nnext: {_next(args.task, done)}")
    return 0


def _train_several(jobs: "Sequence[TrainingJob]", args: argparse.Namespace) -> int:
    from fdp_bench.training.executor import default_parallel, train_all
    from fdp_bench.training.table import training_table

    parallel = min(len(jobs), args.jobs or default_parallel(len(jobs), args.device))
    counted = 0

    def say_started(job: "TrainingJob") -> None:
        print(f"begun: {job.name}; its log: {job.log}", file=sys.stderr, flush=True)

    def say_done(done: "Trained") -> None:
        nonlocal counted
        counted += 1
        what = f"{done.status}: {done.error}" if done.error else done.status
        print(
            f"[{counted}/{len(jobs)}] {done.job.name}: {what} ({done.seconds:.0f} s)",
            file=sys.stderr,
            flush=True,
        )

    print(f"{len(jobs)} trainings, {parallel} at a time", file=sys.stderr, flush=True)
    try:
        outcomes = train_all(jobs, parallel, started=say_started, done=say_done)
    except KeyboardInterrupt:
        print("little is lost: the same command goes on from the last evaluations", file=sys.stderr)
        raise
    print(training_table(outcomes))
    made = [outcome for outcome in outcomes if outcome.checkpoint is not None]
    if made:
        print(f"next: {_next(args.task, made[0])}")
    return 0 if len(made) == len(outcomes) else _FAILED


def _next(task: str, done: "Trained") -> str:
    from fdp_bench.specs import parse_policy

    policy = replace(parse_policy(done.job.policy), checkpoint=str(done.checkpoint))
    return f'fdp-bench run --task {task} --policy "{policy}" --shift occlusion'


def _numbers(least: int) -> Callable[[str], tuple[int, ...]]:
    def numbers(text: str) -> tuple[int, ...]:
        parts = text.split(",")
        if not all(part.strip().isdecimal() and int(part) >= least for part in parts):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number of at least {least}, nor several with commas between"
            )
        return tuple(dict.fromkeys(int(part) for part in parts))

    return numbers


def _settings(args: argparse.Namespace) -> dict[str, str]:
    from fdp_bench.api import SpecError

    settings = {"device": args.device}
    if args.steps is not None:
        settings["steps"] = str(args.steps)
    if args.recipe is not None:
        settings["recipe"] = args.recipe
    for entry in args.set:
        key, equals, value = entry.partition("=")
        if not (key and equals and value):
            raise SpecError(f"--set {entry!r} is not KEY=VALUE; write for instance --set learning_rate=3e-4")
        if key in (*settings, "num_demos", "seed"):
            raise SpecError(
                f"--set {key} repeats an option that has its own name; use --{key.replace('_', '-')}"
            )
        settings[key] = value
    return settings


def _check_writable(out: Path) -> None:
    from fdp_bench.api import RunError

    try:
        out.mkdir(parents=True, exist_ok=True)
        # A file without a name, so that two trainings into one folder do not meet.
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RunError(
            f"cannot write to {out} ({error.strerror}); choose another folder with --out"
        ) from None

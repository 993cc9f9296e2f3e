"""Evaluate policies, clean and under shifts, and print the table.

Each policy runs under no shift and under each --shift, on the same episodes with the same random streams.
Quote policies: a shell reads an unquoted '>' as a redirect.

  fdp-bench run --policy "fdp:prop>vision" --shift occlusion
  fdp-bench run --policy "fdp:prop>vision" --policy dp-dit --shift occlusion@4 --shift color+distractors
  fdp-bench run --policy "fdp:prop>vision" --policy dp-dit --shift distractors --until-decided --max-episodes 200
  fdp-bench run --policy "fdp:prop>vision" --shift occlusion --shard 3/16 --out parts/3
  fdp-bench run --resume results/20260131-120000-Lift-fdp-occlusion

exit codes:
    0  the run is complete
    1  an episode that was run again with the same noise came out differently (--retest)
    2  bad input, or the run cannot go on: one line says why, and how to go on
    4  the run is complete, and more than --max-errors of its episodes ended in an error
  130  stopped by Ctrl-C; --resume finishes the run
  143  stopped by SIGTERM, as clusters send it; --resume finishes the run
  129  stopped by SIGHUP, as a closed terminal sends it; --resume finishes the run

A worker that dies, hangs or raises is replaced, and its episodes are tried once more, each alone in a fresh process.
What goes wrong again is recorded as an error with the reason and the traceback, and counts as a failure. Three equal
errors in a row of an arm stop the run; --resume RUN --retry-errors runs the failed episodes again.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.cli._run_options import configure as configure
from fdp_bench.cli._run_outcome import show_run
from fdp_bench.cli._typed_task import typed_task
from fdp_bench.cli.main import FIRST_COMMAND, SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.records.store import RunStore
    from fdp_bench.runner.config import ExecutorSpec, RunConfig
    from fdp_bench.runner.workers.worker_handle import Limits

SUMMARY = SUBCOMMANDS["run"]
#: Where runs go unless --out says otherwise.
RESULTS = Path("results")
#: Arguments that decide a run's episodes; a resumed run has them already.
_DECISIVE = (
    *("policy", "shift", "task", "episodes", "tier", "seed", "device", "profile", "video", "out"),
    *("noise_seed", "retest", "until_decided", "alpha", "max_episodes", "act_timeout", "shard"),
)
#: Chance of any false decision, and episodes a cell, unless said otherwise.
_ALPHA, _MAX_EPISODES = 0.05, 200
_NAME_LENGTH = 60


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code, of several tasks the highest."""
    from fdp_bench.runner.interrupts import RunInterruptedError

    if args.retry_errors and not args.resume:
        from fdp_bench.api.errors import SpecError

        raise SpecError("--retry-errors means nothing without --resume RUN; name the run, or leave it out")
    code, also_on_stderr = 0, False
    plans: list[tuple[RunConfig, str, Path]] = []
    if args.resume:
        begin = [partial(_resume, args)]
    else:
        also_on_stderr = _mend_redirect(args)
        plans = _plans(args)
        begin = [partial(_begin, args, *plan) for plan in plans]
    for number, each in enumerate(begin, start=1):
        try:
            store = each()
        except RunInterruptedError as interrupted:
            print(interrupted, file=sys.stderr)
            for config, _, out in plans[number:]:
                print(f"not begun: {shlex.join(['--task', config.task, '--out', str(out)])}", file=sys.stderr)
            return interrupted.exit_code
        # The runs of several tasks are read together, when the last of them is complete.
        next_report = store.path if len(begin) == 1 else store.path.parent
        shown = show_run(
            store,
            also_on_stderr=also_on_stderr,
            max_errors=args.max_errors or 0,
            next_report=next_report if number == len(begin) else None,
        )
        code = max(code, shown)
    return code


def _resume(args: argparse.Namespace) -> "RunStore":
    from fdp_bench.api.errors import SpecError
    from fdp_bench.runner.progress import ProgressBar
    from fdp_bench.runner.run import resume_run

    for name in _DECISIVE:
        if getattr(args, name) is not None:
            option = name.replace("_", "-")
            raise SpecError(f"--{option} cannot be given with --resume: the run keeps its own; leave it out")
    # A name alone means a run in the results folder.
    inside = RESULTS / args.resume
    path = inside if inside.exists() and not args.resume.exists() else args.resume
    with ProgressBar(sys.stderr) as progress:
        return resume_run(
            path,
            command=args.command_line,
            progress=progress,
            workers=args.workers,
            lanes=args.lanes,
            inference=args.inference,
            limits=_limits(args),
            executor=_executor(args),
            retry_errors=args.retry_errors,
        )


def _mend_redirect(args: argparse.Namespace) -> bool:
    """Put orders back that a shell took for redirects; whether there was one. Says what was missing, too."""
    from fdp_bench.api.errors import SpecError
    from fdp_bench.cli._redirect import explanation, find_redirect, is_concerned, restore_orders

    for name in ("policy", "shift"):
        if not getattr(args, name):
            raise SpecError(f"no --{name} given; for a start: {FIRST_COMMAND}")
    redirect = find_redirect() if is_concerned(args.policy) else None
    if redirect is not None:
        typed = args.policy
        args.policy = restore_orders(typed, redirect)
        print(explanation(typed, args.policy, redirect), file=sys.stderr)
    return redirect is not None


def _plans(args: argparse.Namespace) -> "list[tuple[RunConfig, str, Path]]":
    """Configuration, name and folder of each task's run, all checked before the first one begins."""
    from fdp_bench.api.errors import SpecError
    from fdp_bench.records.store import check_new_folder
    from fdp_bench.runner.planning.shard import Shard

    configs = [_config(args, task) for task in args.task or ["Lift"]]
    tasks = [config.task for config in configs]
    for task in tasks:
        if tasks.count(task) > 1:
            raise SpecError(f"--task {task} is given twice; name each task once")
    shard = Shard.parse(args.shard) if args.shard else None
    # Shards start at the same second.
    suffix = f"-shard-{shard.number}-of-{shard.count}" if shard else ""
    out = args.out or RESULTS / f"{datetime.now():%Y%m%d-%H%M%S}-{_name(args, tasks)}{suffix}"
    folders = [out] if len(tasks) == 1 else [out / name for name in _task_folders(tasks)]
    for folder in folders:
        check_new_folder(folder)
    return [
        (config, _name(args, [config.task]), folder) for config, folder in zip(configs, folders, strict=True)
    ]


def _task_folders(tasks: Sequence[str]) -> list[str]:
    """Names of the folders of several tasks' runs; of tasks that share a name those that come later bear a number."""
    names = [
        re.sub(r"[^a-z0-9._-]+", "-", task.rpartition("/")[2].lower()).lstrip("._-") or "task"
        for task in tasks
    ]
    return [
        name if name not in names[:number] else f"{name}-{number + 1}" for number, name in enumerate(names)
    ]


def _name(args: argparse.Namespace, tasks: Sequence[str]) -> str:
    """What a run is called: its tasks, policies and shifts, as far as they fit."""
    from fdp_bench.specs import parse_policy, parse_shifts

    words = [task.rpartition("/")[2].rpartition("-v")[0] for task in tasks]
    words += [parse_policy(text).name for text in args.policy]
    words += [spec.name for text in args.shift for spec in parse_shifts(text)]
    return "-".join(dict.fromkeys(words))[:_NAME_LENGTH].strip("-.")


def _begin(args: argparse.Namespace, config: "RunConfig", name: str, out: Path) -> "RunStore":
    from fdp_bench.runner.planning.shard import Shard
    from fdp_bench.runner.progress import ProgressBar
    from fdp_bench.runner.run import begin_run

    with ProgressBar(sys.stderr) as progress:
        return begin_run(
            config,
            out,
            name=name,
            command=args.command_line,
            progress=progress,
            workers=args.workers,
            inference=args.inference,
            limits=_limits(args),
            executor=_executor(args),
            shard=Shard.parse(args.shard) if args.shard else None,
        )


def _executor(args: argparse.Namespace) -> "ExecutorSpec":
    from fdp_bench.runner.config import ExecutorSpec

    return ExecutorSpec.parse(args.executor or "local", args.worker_gpus)


def _limits(args: argparse.Namespace) -> "Limits":
    from fdp_bench.runner.workers.worker_handle import Limits

    return Limits(hang_s=args.hang_timeout, worker_bytes=args.worker_memory, max_errors=args.max_errors or 0)


def _config(args: argparse.Namespace, task: str) -> "RunConfig":
    """The configuration as typed, checked as far as no plugin has to be imported for it."""
    from fdp_bench.runner.config import BATCH_ROWS, DEFAULT_EPISODES, TIERS, RunConfig
    from fdp_bench.runner.planning.feeds import check_policies
    from fdp_bench.specs import parse_policy, parse_shifts, resolve_shifts

    policies = [parse_policy(text) for text in args.policy]
    for text in args.shift:
        resolve_shifts(parse_shifts(text))
    task = typed_task(task)
    alpha = _sequential_options(args)
    episodes = TIERS[args.tier] if args.tier else args.episodes
    if alpha:
        check_policies([str(policy) for policy in policies])
        episodes = _MAX_EPISODES if args.max_episodes is None else args.max_episodes
    return RunConfig(
        task=task,
        policies=tuple(map(str, policies)),
        shifts=tuple(args.shift),
        episodes=DEFAULT_EPISODES if episodes is None else episodes,
        seed=args.seed or 0,
        device=args.device or "cpu",
        profile=args.profile or "fast",
        videos=args.video or 0,
        lanes=args.lanes or BATCH_ROWS,
        noise_seed=args.noise_seed or 0,
        retest=0.0 if args.retest is None else args.retest,
        until_decided=alpha,
        act_timeout=args.act_timeout or 0.0,
    )


def _sequential_options(args: argparse.Namespace) -> float:
    """Alpha of --until-decided; 0.0 where it is not given."""
    from fdp_bench.api.errors import SpecError

    if not args.until_decided:
        for name in ("alpha", "max_episodes"):
            if getattr(args, name) is not None:
                option = name.replace("_", "-")
                raise SpecError(
                    f"--{option} means nothing without --until-decided; add it, or leave --{option} out"
                )
        return 0.0
    if args.episodes is not None or args.tier is not None:
        raise SpecError("--until-decided runs as many episodes as it needs; bound them with --max-episodes N")
    alpha = _ALPHA if args.alpha is None else float(args.alpha)
    if not 0.0 < alpha < 1.0:
        raise SpecError(f"--alpha {alpha} must lie between 0 and 1; try --alpha {_ALPHA}")
    return alpha

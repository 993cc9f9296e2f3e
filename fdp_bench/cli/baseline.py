"""Write a run as a baseline file, small enough for a repository, that `fdp-bench check` holds later runs against.

fdp-bench run --policy dp-dit --shift distractors --episodes 300 --out results/lift
fdp-bench baseline results/lift --out results/baselines/lift.json
"""

import argparse
import shlex
from pathlib import Path

from fdp_bench.cli.main import SUBCOMMANDS

SUMMARY = SUBCOMMANDS["baseline"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a complete run")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the baseline file")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.gate.baseline import write_baseline

    side = write_baseline(args.run, args.out, command=shlex.join(args.command_line))
    episodes = sum(len(arm.outcomes) for arm in side.arms)
    print(f"{args.out}: {len(side.arms)} arms, {episodes} episodes of {side.task.get('task_id')}")
    for arm in side.arms:
        successes = sum(outcome.success for outcome in arm.outcomes.values())
        print(f"  {arm.policy}, {arm.shift}: {successes} of {len(arm.outcomes)} succeed")
    print(f"next: {shlex.join(['fdp-bench', 'check', '--baseline', str(args.out), '--margin', '0.10'])}")
    return 0

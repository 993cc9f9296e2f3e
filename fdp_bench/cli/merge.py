"""Join the shards of a run, which `fdp-bench run --shard K/N` wrote, into one run.

The shards must be of one run: same policies, weights, shifts, seeds and versions. None may be missing, given twice or
incomplete; what is wrong is said, with the command that mends it. The records equal those of the same run on one
machine. The shards stay as they are.

  fdp-bench merge parts/* --out results/occlusion
  fdp-bench report results/occlusion
"""

import argparse
import sys
from pathlib import Path

from fdp_bench.cli._numbers import whole
from fdp_bench.cli.main import SUBCOMMANDS

SUMMARY = SUBCOMMANDS["merge"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folder of a shard, or of several of them"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the joined run")
    parser.add_argument(
        "--max-errors",
        type=whole,
        default=0,
        metavar="N",
        help="exit with code 4 if more than N episodes ended in an error (default: 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.cli._run_outcome import show_run
    from fdp_bench.report.runs import runs_below
    from fdp_bench.runner.merge import merge_runs

    paths = [folder for path in args.runs for folder in runs_below(path)]
    merged = merge_runs(paths, args.out, args.command_line)
    for sentence in merged.warnings:
        print(f"warning: {sentence}", file=sys.stderr)
    return show_run(merged.store, max_errors=args.max_errors, next_report=merged.store.path)

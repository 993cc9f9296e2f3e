"""Compare two runs on the same episodes and print the paired table.

BASELINE and CANDIDATE are folders of runs or baseline files. What must not be compared is refused: another task
version, success rule, shift parameter, sampler or seed protocol.

  fdp-bench compare results/before results/after
  fdp-bench compare results/baselines/lift.json results/after --json
"""

import argparse
import json
import sys
from pathlib import Path

from fdp_bench.cli.main import SUBCOMMANDS

SUMMARY = SUBCOMMANDS["compare"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("baseline", type=Path, metavar="BASELINE", help="folder of a run, or a baseline file")
    add("candidate", type=Path, metavar="CANDIDATE", help="folder of a run, or a baseline file")
    add("--baseline-policy", metavar="SPEC", help="the baseline's policy that meets the candidate's")
    add("--candidate-policy", metavar="SPEC", help="the candidate's policy that meets the baseline's")
    add(
        "--json", action="store_true", help="print JSON: rates as fractions, every discordant episode by name"
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.gate.baseline import load_compared_run
    from fdp_bench.gate.comparability import IncomparableError, notes, refuse_unlike
    from fdp_bench.gate.pairing import pair_arms
    from fdp_bench.gate.table import comparison_layout, measure
    from fdp_bench.report.text.terminal import plain_text

    baseline, candidate = load_compared_run(args.baseline), load_compared_run(args.candidate)
    if args.baseline_policy:
        baseline = baseline.only(args.baseline_policy)
    if args.candidate_policy:
        candidate = candidate.only(args.candidate_policy)
    arms = pair_arms(baseline, candidate)
    try:
        refuse_unlike(baseline, candidate, arms)
    except IncomparableError as refused:
        show_refusal(refused.reasons)
        return refused.exit_code
    rows, sentences = measure(arms), notes(baseline, candidate, arms)
    if args.json:
        data = {
            "baseline": str(args.baseline),
            "candidate": str(args.candidate),
            "task": baseline.task.get("task_id"),
            "comparisons": [row.to_json() for row in rows],
            "notes": sentences,
        }
        print(json.dumps(data, indent=2, allow_nan=False))
        return 0
    title = f"{baseline.task.get('task_id')}: {args.candidate} against {args.baseline}"
    print(plain_text(comparison_layout(title, rows)))
    for sentence in sentences:
        print(f"note: {sentence}", file=sys.stderr)
    return 0


def show_refusal(reasons: tuple[str, ...]) -> None:
    """Print on standard error why two runs are not compared, one line each."""
    for reason in reasons:
        print(f"error: not comparable: {reason}", file=sys.stderr)

"""Fail when a policy has become worse: run it against a baseline file on the same episodes and decide.

  fdp-bench check --baseline results/baselines/lift.json --margin 0.10
  fdp-bench check --baseline results/baselines/lift.json --policy dp-dit@runs/new/dp-dit.safetensors --junit check.xml

Exit codes, by the paired difference (candidate minus baseline) and its 95% interval:

  0  passed: the lower end lies above -margin in every arm
  1  regressed: in some arm it does not, and the upper end lies below 0 (Holm-adjusted over the arms)
  2  not comparable, or bad input
  3  cannot tell; says how many episodes it needs
"""

import argparse
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from fdp_bench.cli._numbers import positive, whole
from fdp_bench.cli.compare import show_refusal
from fdp_bench.cli.main import SUBCOMMANDS

SUMMARY = SUBCOMMANDS["check"]
RESULTS = Path("results")
#: File that GitHub Actions shows on a job's page.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("--baseline", type=Path, required=True, metavar="FILE", help="baseline file, or the folder of a run")
    add(
        "--margin",
        type=_margin,
        default=0.10,
        metavar="M",
        help="loss of success rate that is not tolerated, in (0, 1] (default: 0.10, 10 points)",
    )
    add("--policy", metavar="SPEC", help="the candidate (default: the baseline's policies as they are now)")
    add("--baseline-policy", metavar="SPEC", help="the baseline's policy that it is held against")
    add(
        "--episodes",
        type=positive,
        metavar="N",
        help="pairs an arm (default: 300, or as many as the baseline holds)",
    )
    add("--noise-seed", type=whole, metavar="N", help="draw of the policy's noise (default: the baseline's)")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the run; goes on with what is there (default: a new one)",
    )
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML, one testcase an arm")
    add("--device", metavar="NAME", help="device of the policies (default: the baseline's)")
    add("--workers", type=positive, metavar="N", help="worker processes (default: what there is room for)")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.gate.comparability import IncomparableError
    from fdp_bench.runner.interrupts import RunInterruptedError

    try:
        return _check(args)
    except RunInterruptedError as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    except IncomparableError as refused:
        show_refusal(refused.reasons)
        _append_step_summary(
            "\n".join(["## fdp-bench check: not comparable", "", *_bullets(refused.reasons), ""])
        )
        return refused.exit_code


def _check(args: argparse.Namespace) -> int:
    from fdp_bench.cli._targets import check_file
    from fdp_bench.gate.baseline import load_compared_run
    from fdp_bench.gate.check import judge_run, plan_check, run_candidate
    from fdp_bench.gate.junit import write_junit
    from fdp_bench.gate.render import markdown_summary, more_episodes
    from fdp_bench.runner.progress import ProgressBar

    started = time.monotonic()
    check_file(args.junit, "--junit")
    baseline = load_compared_run(args.baseline)
    if args.baseline_policy:
        baseline = baseline.only(args.baseline_policy)
    plan = plan_check(
        baseline,
        policy=args.policy,
        episodes=args.episodes,
        noise_seed=args.noise_seed,
        device=args.device,
    )
    out = args.out or RESULTS / f"{datetime.now():%Y%m%d-%H%M%S}-check-{args.baseline.stem}"
    with ProgressBar(sys.stderr) as progress:
        store = run_candidate(plan, out, command=args.command_line, progress=progress, workers=args.workers)
    judgement, _, notes = judge_run(plan, store.path, args.margin)
    title = f"fdp-bench check: {plan.config.task} against {args.baseline.name}"
    longer = more_episodes(judgement, baseline, args.command_line, store.path)
    summary = markdown_summary(judgement, title, [*notes, *filter(None, [longer])])
    print(summary, end="")
    if args.junit:
        write_junit(
            args.junit,
            judgement,
            name=f"fdp-bench check {args.baseline.name}",
            task=plan.config.task,
            time_s=time.monotonic() - started,
        )
    _append_step_summary(summary)
    return judgement.exit_code


def _append_step_summary(text: str) -> None:
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        # The verdict counts, not where it is shown.
        print(f"warning: ${STEP_SUMMARY} cannot be written: {error}", file=sys.stderr)


def _bullets(reasons: tuple[str, ...]) -> list[str]:
    from fdp_bench.report.text.markup import markdown_text

    return [f"- {markdown_text(reason)}" for reason in reasons]


def _margin(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1.0:
        raise ValueError
    return value


# argparse names these in its messages: "invalid whole number value: 'x'".
_margin.__name__ = "margin in (0, 1]"

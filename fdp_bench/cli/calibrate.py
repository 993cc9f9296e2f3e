"""Calibrate a policy's guard on clean episodes that no run plays; needs no demonstrations.

  fdp-bench calibrate --policy "fdp:prop>vision@PATH" --task Lift
  fdp-bench calibrate --policy "dp-dit@PATH?guard=base:prop" --task Lift
  fdp-bench run --policy "fdp:prop>vision@PATH?guard=on" --shift occlusion

The calibration lies beside the weights. Of bundled weights, a copy is made in runs/calibrated/TASK. What is there for
the same weights, sampler and number of episodes is not made again.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from fdp_bench.api.profile import PROFILES
from fdp_bench.cli._numbers import positive
from fdp_bench.cli.main import PROGRAM, SUBCOMMANDS

SUMMARY = SUBCOMMANDS["calibrate"]
#: `fdp_bench.api.CALIBRATION_EPISODES`, which cannot be imported for ``--help`` alone.
_EPISODES = 40


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("--policy", required=True, metavar="SPEC", help="policy, with its weights and sampler options")
    add("--task", default="Lift", metavar="NAME", help="task (default: Lift)")
    add(
        "--episodes",
        type=positive,
        default=_EPISODES,
        metavar="N",
        help="clean episodes that decide the thresholds, at least 19; as many others are played beside them "
        "(default: %(default)s)",
    )
    add(
        "--data",
        type=Path,
        metavar="FILE",
        help="demonstrations that the policy was trained on, to take feature statistics from (default: clean episodes)",
    )
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder that weights and calibration go to (default: the weights' own)",
    )
    add("--profile", default=PROFILES[0], choices=PROFILES, help="render profile (default: fast)")
    add("--device", default="cpu", metavar="NAME", help="device of the policy (default: cpu)")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.api import CalibrationRequest
    from fdp_bench.calibration.calibrate import calibrate
    from fdp_bench.cli._targets import check_folder
    from fdp_bench.cli._typed_task import typed_task

    check_folder(args.out, "--out")
    request = CalibrationRequest(args.episodes, args.data, args.out, args.device)
    with _Counter() as counter:
        done = calibrate(args.policy, typed_task(args.task), request, profile=args.profile, tick=counter)
    print("\n".join([f"{'calibrated' if done.made else 'calibrated already'}: {done.policy}", *done.facts]))
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f'next: {PROGRAM} run --task {args.task} --policy "{done.policy}" --shift occlusion')
    return 0


class _Counter:
    """Counts episodes on a terminal; says nothing elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> "_Counter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, played: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(desc="clean episodes", unit="ep", disable=None, leave=False)
        self._bar.update(played - self._bar.n)

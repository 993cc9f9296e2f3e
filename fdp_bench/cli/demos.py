"""Collect demonstrations with the scripted expert; take in those of other programs; pack, describe.

fdp-bench demos --task Lift --num 200 --out lift.hdf5   robomimic's layout; the same command goes on after a kill
fdp-bench demos --import ph.hdf5 --out can.hdf5         robomimic's or robosuite's own HDF5
fdp-bench demos --import abs.hdf5 --actions absolute --out can.hdf5    actions that are poses, as of *_abs.hdf5
fdp-bench demos --import FOLDER --out lift.hdf5         a LeRobotDataset v3 or a Minari dataset
fdp-bench demos --import old.hdf5 --out lift.hdf5       a file of this program: its frames drawn anew, with touch
fdp-bench demos --to-lerobot lift.hdf5 --out FOLDER     write a LeRobotDataset v3; its video is compressed
fdp-bench demos --pack lift.hdf5 --out lift.npz         one smaller file, to train where there is no h5py
fdp-bench demos --card lift.hdf5                        what a file holds, as JSON; with --out, into a file

On any task, somebody else's too, fdp_bench.demos.record records what a policy of your own does
(fdp_bench/tasks/README.md).
"""

import argparse
import sys
from pathlib import Path

from fdp_bench.cli._typed_task import typed_task

SUMMARY = "collect demonstrations with a scripted expert, or import, pack and describe them"

DEFAULT_NUM_DEMOS = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument(
        "--task",
        help="task to show, such as Lift or Can, or its Gymnasium id; with --import, the task that the file is of",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--import",
        dest="source",
        type=Path,
        metavar="PATH",
        help="demonstrations of another program; observations are made from simulator states, where there are any",
    )
    what.add_argument(
        "--to-lerobot", type=Path, metavar="FILE", help="demonstration file to write as a LeRobotDataset v3"
    )
    what.add_argument(
        "--pack", type=Path, metavar="FILE", help="HDF5 file to pack into one .npz for training elsewhere"
    )
    what.add_argument("--card", type=Path, metavar="FILE", help="demonstration file to describe")
    parser.add_argument(
        "--actions",
        choices=("absolute", "clipped"),
        help="with --import, what its actions are: absolute poses of the hand, or clipped by the environment itself",
    )
    parser.add_argument("--out", type=Path, help="file or folder to write")
    parser.add_argument(
        "--num",
        type=int,
        help=f"number of demonstrations (default: {DEFAULT_NUM_DEMOS}, of a file all that it holds)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="decides everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--profile",
        choices=("fast", "reference"),
        default="fast",
        help="render profile (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    if args.card is not None:
        return _describe(args)
    if args.out is None:
        _refuse("which file shall be written? name it with --out FILE")
    if args.source is not None:
        return _import(args)
    if args.actions is not None:
        _refuse("--actions goes with --import: it says what the source's actions are")
    if args.to_lerobot is not None:
        return _export(args)
    if args.pack is not None:
        return _pack(args)
    if args.task is None:
        _refuse(
            "demonstrations of which task? name one with --task Lift (or see --import, --to-lerobot, --pack)"
        )
    return _collect(args)


def _collect(args: argparse.Namespace) -> int:
    from fdp_bench.demos.recording.collect import collect_demonstrations

    try:
        summary = collect_demonstrations(
            args.task,
            args.out,
            num_demos=DEFAULT_NUM_DEMOS if args.num is None else args.num,
            seed=args.seed,
            profile=args.profile,
            progress=True,
        )
    except KeyboardInterrupt:
        print("nothing is lost: the same command goes on from here", file=sys.stderr)
        raise
    print(
        f"wrote {summary.num_demos} demonstrations to {summary.path}; "
        f"{summary.num_not_kept} attempts were not kept"
    )
    return 0


def _import(args: argparse.Namespace) -> int:
    from fdp_bench.demos.formats.importing import import_demonstrations

    if args.task is not None:
        typed_task(args.task)
    summary = import_demonstrations(
        args.source,
        args.out,
        task=args.task,
        profile=args.profile,
        num_demos=args.num,
        actions=args.actions,
        progress=True,
    )
    print(
        f"wrote {summary.num_demos} demonstrations of {summary.task_id} ({summary.num_steps} steps, "
        f"from {summary.source_format}) to {summary.path}"
    )
    for note in summary.notes:
        print(f"note: {note}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from fdp_bench.demos.formats.lerobot.write import export_lerobot

    _refuse_task(args, "--to-lerobot")
    summary = export_lerobot(args.to_lerobot, args.out, num_demos=args.num)
    print(f"wrote {summary.num_demos} demonstrations to {summary.path}, a LeRobotDataset v3")
    for key, error in summary.mean_pixel_error.items():
        print(f"note: {key} is compressed video, off by {error:.2f} of 255 on average")
    return 0


def _pack(args: argparse.Namespace) -> int:
    from fdp_bench.demos.pack import pack_demonstrations

    _refuse_task(args, "--pack")
    count = pack_demonstrations(args.pack, args.out, num_demos=args.num)
    print(f"packed {count} demonstrations into {args.out}")
    return 0


def _describe(args: argparse.Namespace) -> int:
    import json

    from fdp_bench.demos.card import dataset_card, write_card

    _refuse_task(args, "--card")
    card = dataset_card(args.card)
    print(json.dumps(card, indent=1))
    if args.out is not None:
        write_card(card, args.out)
    return 0


def _refuse_task(args: argparse.Namespace, option: str) -> None:
    if args.task is not None:
        _refuse(f"--task does not go with {option}: the file says which task it is of")


def _refuse(message: str) -> None:
    from fdp_bench.api.errors import DatasetError

    raise DatasetError(message)

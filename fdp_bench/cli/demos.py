"""Collect demonstrations with the scripted expert; take in those of other programs; pack, describe.

fdp-bench demos collect --task Lift --num-demos 200 --out lift.hdf5   robomimic's layout; goes on after a kill
fdp-bench demos import ph.hdf5 --out can.hdf5       robomimic's or robosuite's own HDF5
fdp-bench demos import FOLDER --out lift.hdf5       a LeRobotDataset v3 or a Minari dataset
fdp-bench demos import old.hdf5 --out lift.hdf5     a file of this program: its frames drawn anew, with touch
fdp-bench demos export lift.hdf5 --out FOLDER       write a LeRobotDataset v3; its video is compressed
fdp-bench demos pack lift.hdf5 --out lift.npz       one smaller file, to train where there is no h5py
fdp-bench demos card lift.hdf5                      what a file holds, as JSON; with --out, into a file

On any task, somebody else's too, fdp_bench.demos.record records what a policy of your own does
(fdp_bench/tasks/README.md).
"""

import argparse
import sys
from pathlib import Path

from fdp_bench.api.profile import PROFILES
from fdp_bench.cli._typed_task import typed_task

SUMMARY = "collect demonstrations with a scripted expert, or import, pack and describe them"

DEFAULT_NUM_DEMOS = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="collect|import|export|pack|card")
    collect = actions.add_parser(
        "collect", help="record a scripted expert; the same command goes on after a kill"
    )
    collect.set_defaults(act=_collect)
    collect.add_argument(
        "--task", required=True, help="task to show, such as Lift or Can, or its Gymnasium id"
    )
    _add_out(collect, "file to write")
    _add_number(collect, DEFAULT_NUM_DEMOS)
    collect.add_argument(
        "--seed", type=int, default=0, help="decides everything random (default: %(default)s)"
    )
    _add_profile(collect)
    source = actions.add_parser("import", help="take in demonstrations of another program")
    source.set_defaults(act=_import)
    source.add_argument(
        "source",
        type=Path,
        metavar="PATH",
        help="file or folder; observations are made from simulator states, where there are any",
    )
    source.add_argument("--task", help="task that the demonstrations are of (default: what they say)")
    _add_out(source, "file to write")
    _add_number(source)
    _add_profile(source)
    for name, act, what, out in (
        ("export", _export, "write a LeRobotDataset v3; its video is compressed", "folder to write"),
        ("pack", _pack, "pack an HDF5 file into one .npz, for training elsewhere", "file to write"),
    ):
        parser_of_file = actions.add_parser(name, help=what)
        parser_of_file.set_defaults(act=act)
        _add_file(parser_of_file)
        _add_out(parser_of_file, out)
        _add_number(parser_of_file)
    card = actions.add_parser("card", help="say what a demonstration file holds, as JSON")
    card.set_defaults(act=_describe)
    _add_file(card)
    card.add_argument("--out", type=Path, help="file to write it to, too")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    code: int = args.act(args)
    return code


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="demonstration file")


def _add_out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--out", type=Path, required=True, help=what)


def _add_number(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    otherwise = "all that it holds" if default is None else str(default)
    parser.add_argument(
        "--num-demos", type=int, default=default, metavar="N", help=f"number (default: {otherwise})"
    )


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", choices=PROFILES, default=PROFILES[0], help="render profile (default: %(default)s)"
    )


def _collect(args: argparse.Namespace) -> int:
    from fdp_bench.demos.recording.collect import collect_demonstrations

    try:
        summary = collect_demonstrations(
            args.task,
            args.out,
            num_demos=args.num_demos,
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
        args.source, args.out, task=args.task, profile=args.profile, num_demos=args.num_demos, progress=True
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

    summary = export_lerobot(args.file, args.out, num_demos=args.num_demos)
    print(f"wrote {summary.num_demos} demonstrations to {summary.path}, a LeRobotDataset v3")
    for key, error in summary.mean_pixel_error.items():
        print(f"note: {key} is compressed video, off by {error:.2f} of 255 on average")
    return 0


def _pack(args: argparse.Namespace) -> int:
    from fdp_bench.demos.pack import pack_demonstrations

    count = pack_demonstrations(args.file, args.out, num_demos=args.num_demos)
    print(f"packed {count} demonstrations into {args.out}")
    return 0


def _describe(args: argparse.Namespace) -> int:
    import json

    from fdp_bench.demos.card import dataset_card, write_card

    card = dataset_card(args.file)
    print(json.dumps(card, indent=1))
    if args.out is not None:
        write_card(card, args.out)
    return 0

"""Collect demonstrations with the scripted expert, or pack a file of them.

fdp-bench demos --task Lift --num 200 --out lift.hdf5   robomimic's layout; the same command goes on after a kill
fdp-bench demos --pack lift.hdf5 --out lift.npz         one smaller file, to train where there is no h5py
"""

import argparse
import sys
from pathlib import Path

SUMMARY = "collect demonstrations with the scripted expert, or pack a file of them"

DEFAULT_NUM_DEMOS = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="task to show, such as Lift or Can, or its Gymnasium id")
    what.add_argument(
        "--pack", type=Path, metavar="FILE", help="HDF5 file to pack into one .npz for training elsewhere"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--num",
        type=int,
        help=f"number of demonstrations (default: {DEFAULT_NUM_DEMOS}; for --pack all that the file holds)",
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
    if args.pack is not None:
        from fdp_bench.demos.pack import pack_demonstrations

        count = pack_demonstrations(args.pack, args.out, num_demos=args.num)
        print(f"packed {count} demonstrations into {args.out}")
        return 0
    from fdp_bench.demos.collect import collect_demonstrations

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

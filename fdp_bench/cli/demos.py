"""``fdp-bench demos``: collect demonstrations, or pack a file of them."""

import argparse
from pathlib import Path

SUMMARY = "collect demonstrations with the scripted expert, or pack a file of them"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="task to show: Lift or LiftWide, or the Gymnasium id")
    what.add_argument(
        "--pack", type=Path, metavar="FILE", help="HDF5 file to pack into one .npz for training elsewhere"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--num", type=int, default=200, help="number of demonstrations (default: %(default)s)"
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

        count = pack_demonstrations(args.pack, args.out)
        print(f"packed {count} demonstrations into {args.out}")
        return 0
    from fdp_bench.demos.collect import collect_demonstrations

    summary = collect_demonstrations(
        args.task, args.out, num_demos=args.num, seed=args.seed, profile=args.profile, progress=True
    )
    print(
        f"wrote {summary.num_demos} demonstrations to {summary.path}; "
        f"{summary.num_not_kept} attempts were not kept"
    )
    return 0

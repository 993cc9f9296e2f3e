"""The options of ``fdp-bench run``."""

import argparse
from pathlib import Path

from fdp_bench.cli._numbers import positive, seconds, share, size_bytes, whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options. Those left out are None: `--resume` must know which were given."""
    add = parser.add_argument
    add(
        "--policy",
        action="append",
        metavar="SPEC",
        help="name[:order][@checkpoint][?key=value&...]; repeatable",
    )
    add(
        "--shift",
        action="append",
        metavar="SPEC",
        help="name[@severity][?key=value&...], joined by +; repeatable",
    )
    add(
        "--task",
        action="append",
        metavar="NAME",
        help="Lift (default), LiftWide, ..., or module:namespace/Env-v0; repeatable, a run each",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--episodes", type=whole, metavar="N", help="episodes a cell (default: 50)")
    size.add_argument("--tier", choices=("smoke", "standard", "full"), help="10, 100 or 200 episodes a cell")
    add("--seed", type=whole, metavar="N", help="seed of all random streams (default: 0)")
    add(
        "--noise-seed",
        type=whole,
        metavar="N",
        help="another draw of the policies' noise for the same initial states and shifts (default: 0)",
    )
    add(
        "--retest",
        type=float,
        metavar="SHARE",
        help="run this share of the episodes again: with the same noise, which must agree, and with fresh noise, "
        "whose disagreement is the noise floor",
    )
    add(
        "--until-decided",
        action="store_true",
        default=None,
        help="compare two policies while they run, and end each shift once one is found better",
    )
    add(
        "--alpha",
        type=float,
        metavar="A",
        help="with --until-decided: chance of any false decision (default: 0.05)",
    )
    add(
        "--max-episodes",
        type=positive,
        metavar="N",
        help="with --until-decided: episodes a cell at most (default: 200)",
    )
    add(
        "--shard",
        metavar="K/N",
        help="run part K of N of the episodes, as one of N commands that differ in K and --out alone; join their runs "
        "with fdp-bench merge",
    )
    add("--workers", type=positive, metavar="N", help="worker processes (default: the usable cores)")
    add(
        "--executor",
        metavar="WHERE",
        help="local (default): processes of this machine; ray: the Ray cluster that it is part of, or $RAY_ADDRESS; "
        "ray://HOST:PORT: one elsewhere, by its client port",
    )
    add(
        "--worker-gpus",
        type=share,
        metavar="SHARE",
        help="with --executor ray: GPUs a worker gets, such as 0.25 (default: 1 unless the device is the cpu)",
    )
    add(
        "--worker-memory",
        type=size_bytes,
        metavar="SIZE",
        help="replace a worker between episodes once it holds more, for instance 4G (default: its share of 80%% of the "
        "machine's memory)",
    )
    add(
        "--hang-timeout",
        type=seconds,
        metavar="S",
        help="replace a worker that shows no sign of life for so many seconds (default: 10 times the longest episode "
        "so far, at least 60; 600 before the first has ended)",
    )
    add(
        "--act-timeout",
        type=seconds,
        metavar="S",
        help="record an error on an episode whose policy takes longer for a decision (default: any time)",
    )
    add(
        "--max-errors",
        type=whole,
        metavar="N",
        help="let N episodes end in an error; if there are more, 3 equal ones in a row of an arm stop the run, and a "
        "complete run exits with code 4 (default: 0)",
    )
    add("--lanes", type=positive, metavar="N", help="episodes a worker steps side by side, 1-4 (default: 4)")
    add("--device", metavar="NAME", help="device of the policies (default: cpu)")
    add(
        "--inference",
        choices=("worker", "shared"),
        help="a policy in each worker (default on a CPU), or one process for all (default on other devices)",
    )
    add("--profile", metavar="NAME", help="render profile, fast (default) or reference")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the run (default: results/TIME-NAME); with several tasks, of a folder for each",
    )
    add("--video", type=whole, metavar="N", help="keep the first N episodes of each cell as mp4 (default: 0)")
    add("--resume", type=Path, metavar="RUN", help="finish an interrupted run with its own configuration")
    add(
        "--retry-errors",
        action="store_true",
        help="with --resume: also run episodes again that ended in an error (their records move to errors.jsonl)",
    )

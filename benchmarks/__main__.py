"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--quick] [--json DIR]``.

Each script runs in a process of its own, prints a Markdown table and its figures as JSON, and with ``--json`` leaves
``DIR/NAME.json``. A script that fails does not stop the others; the exit code says so.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Scripts in the order they run -> arguments of `measure` under ``--quick``.
SCRIPTS: dict[str, dict[str, Any]] = {
    "startup": {"repeats": 1},
    "render": {"frames": 10},
    "step": {"episodes": 1},
    "inference": {"repeats": 5, "batches": (1, 4)},
    "guard": {"repeats": 5, "batches": (1, 4)},
    "training": {"rounds": 2, "threads": (1,)},
    "rollout": {"rounds": 1, "episodes": 4, "peer_episodes": 1},
    "scaling": {"episodes": 8, "rounds": 1, "batches": (1, 4), "worker_episodes": 8},
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="few repetitions: does it run, not how fast")
    parser.add_argument("--json", type=Path, metavar="DIR", help="leave NAME.json in this folder")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    for name in args.names:
        if name not in SCRIPTS:
            parser.error(f"benchmark {name!r} is not known; choose from {', '.join(SCRIPTS)}")
    names = args.names or list(SCRIPTS)
    if args.here:
        run_here(names[0], quick=args.quick, folder=args.json)
        return 0
    failed = [name for name in names if not run_apart(name, quick=args.quick, folder=args.json)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run_apart(name: str, *, quick: bool, folder: Path | None) -> bool:
    """Run a script in a fresh process, so that no script finds threads, caches or OpenGL that another left."""
    start = time.monotonic()
    print(f"== {name} ({time.strftime('%H:%M:%S')})", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks", name, "--here"]
    command += ["--quick"] * quick + (["--json", str(folder)] if folder else [])
    done = subprocess.run(command, check=False, cwd=Path(__file__).resolve().parents[1], env=environment())
    ok = done.returncode == 0
    print(f"== {name} {'done' if ok else 'FAILED'} in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return ok


def environment() -> dict[str, str]:
    """Of a script's process: nobody's number of threads, so that each side of a comparison sets its own."""
    chosen = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS")
    return {name: value for name, value in os.environ.items() if name not in chosen}


def run_here(name: str, *, quick: bool, folder: Path | None) -> None:
    """Run a script in this process."""
    module = importlib.import_module(f"benchmarks.{name}")
    figures = module.measure(**(SCRIPTS[name] if quick else {}))
    figures = {**figures, "machine": machine_facts(), "quick": quick}
    print(module.table(figures))
    text = json.dumps(figures, indent=2)
    print(text)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{name}.json.part"
        part.write_text(text + "\n")
        part.replace(folder / f"{name}.json")


def machine_facts() -> dict[str, Any]:
    """What the figures were measured on and with."""
    from fdp_bench.records.provenance import git_state, machine, versions

    return {
        **machine("cpu"),
        "load_average_1min": round(os.getloadavg()[0], 2),
        "versions": versions(),
        "git": git_state(),
    }


if __name__ == "__main__":
    sys.exit(main())

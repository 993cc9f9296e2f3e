"""How long one waits: for ``--help``, for a worker to be ready, for a run's first record, for a short run's table."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.ours import MAIN_POLICY, MAIN_SHIFT, run_ours

PROGRAM = (sys.executable, "-m", "fdp_bench")


def measure(repeats: int = 3) -> dict[str, Any]:
    """Median seconds of each; the cache of reduced meshes is warm, as after the first run on a machine."""
    run_ours(episodes=1, workers=1)
    waits: dict[str, list[float]] = {}
    for _ in range(repeats):
        waits.setdefault("--help", []).append(_seconds([*PROGRAM, "--help"]))
        waits.setdefault("list", []).append(_seconds([*PROGRAM, "list"]))
        for workers in (1, 2):
            figures = run_ours(episodes=4, workers=workers)
            one_of = f"a worker ready, {workers} at once"
            waits.setdefault(one_of, []).append(figures["setup_s"])
            waits.setdefault(f"first record, {workers} workers", []).append(figures["first_record_s"])
        with tempfile.TemporaryDirectory() as folder:
            command = [*PROGRAM, "run", "--policy", MAIN_POLICY, "--shift", MAIN_SHIFT]
            waits.setdefault("whole run of 2 x 2 episodes", []).append(
                _seconds([*command, "--episodes", "2", "--out", f"{folder}/run"])
            )
    return {"repeats": repeats, "median_s": {name: statistics.median(times) for name, times in waits.items()}}


def table(figures: dict[str, Any]) -> str:
    lines = ["| wait for | median s |", "|---|---:|"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in figures["median_s"].items()]
    return "\n".join(lines)


def _seconds(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start

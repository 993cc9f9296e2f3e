"""A disk (a small tmpfs) that fills up while a run writes to it: what is readable, and can it be finished later?"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fdp_bench.records import RunStore, compare_records
from fdp_bench.toy import TOY_TASK
from tests.torture.plugins import installed

WHAT = "a disk that is full"
EPISODES = 60
PROGRAM = [sys.executable, "-m", "fdp_bench", "run", "--workers", "1"]
ARGUMENTS = ["--task", TOY_TASK, "--policy", "watcher", "--shift", "dim@4", "--episodes", str(EPISODES)]
#: kB of room; at each size the run gets another way.
SIZES = (16, 32, 48, 64, 96)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Run into disks of several sizes, look at what was kept, make room, resume, compare with an undisturbed run."""
    tries = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PYTHONPATH": installed(folder / "plugins")}
        whole = folder / "whole"
        subprocess.run(
            [*PROGRAM, *ARGUMENTS, "--out", str(whole)], env=environment, capture_output=True, check=True
        )
        for size in SIZES[2:3] if quick else SIZES:
            found = fill(folder / f"disk-{size}", size, whole, environment)
            if found is None:
                return {"passed": False, "tries": [], "why": "mounting a file system takes more rights"}
            tries.append(found)
    return {"tries": tries, "episodes": 2 * EPISODES, "passed": all(each["as_it_should"] for each in tries)}


def fill(disk: Path, size: int, whole: Path, environment: dict[str, str]) -> dict[str, Any] | None:
    """One disk of so many kB; None if it cannot be mounted."""
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return None
    run = disk / "run"
    try:
        stopped = call([*PROGRAM, *ARGUMENTS, "--out", str(run)], environment)
        begun = (run / "manifest.json").exists()
        kept = len(RunStore.open(run).records()) if begun else 0
        subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
        again = ["--resume", str(run)] if begun else [*ARGUMENTS, "--out", str(run)]
        resumed = call([*PROGRAM, *again], environment)
        different = len(compare_records(whole, run)) if resumed.returncode == 0 else -1
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    clear = "no space is left on the disk" in stopped.stderr and "Traceback" not in stopped.stderr
    return {
        "size_kb": size,
        "exit_code": stopped.returncode,
        "one_clear_line": clear,
        "kept": kept,
        "resumed_exit_code": resumed.returncode,
        "different": different,
        "as_it_should": stopped.returncode == 2 and clear and resumed.returncode == 0 and different == 0,
    }


def call(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever that is."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    if not figures["tries"]:
        return figures["why"]
    kept = ", ".join(f"{each['kept']} at {each['size_kb']} kB" for each in figures["tries"])
    well = sum(each["as_it_should"] for each in figures["tries"])
    return (
        f"{well} of {len(figures['tries'])} runs stopped with one clear line, readable ({kept} of "
        f"{figures['episodes']} episodes kept), and were finished once there was room, equal to an undisturbed run"
    )

"""Kill -9 of a run's driver or one of its workers at random moments, resumed each time; what comes of it."""

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fdp_bench.records import RunStore, compare_records
from fdp_bench.toy import TOY_TASK

PROGRAM = [sys.executable, "-m", "fdp_bench", "run"]
EPISODES = 8


def arguments(delay_s: float) -> list[str]:
    """The run that is killed; its policy takes so many seconds a decision."""
    what = f"--task {TOY_TASK} --policy watcher?delay={delay_s:g} --shift dim@4 --episodes {EPISODES}"
    return [*what.split(), "--workers", "2", "--lanes", "2"]


@dataclass
class Tally:
    """What was done and what came of it.

    Attributes:
        kills: Who was killed -> how often.
        records_at_kill: How many records were there at each kill of the driver, -1 for no run yet.
        runs: Runs finished.
        lost: Records that were there before a kill and not afterwards, or not at the end.
        doubled: Lines too many in finished runs.
        different: Finished runs that differ from an undisturbed one.
        failures: Exit codes and last lines of commands that should have succeeded.
    """

    kills: Counter = field(default_factory=Counter)
    records_at_kill: list = field(default_factory=list)
    runs: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0
    failures: list = field(default_factory=list)


def kill_at_random(
    folder: Path, environment: dict, *, moments: int, seed: int, delay_s: float = 0.02
) -> Tally:
    """Run, kill, resume, until so many moments have come.

    Args:
        folder: Empty folder for the runs.
        environment: Environment variables with which the tests' plugins are found.
        moments: Kills that hit somebody.
        seed: Seed of the moments and of who is hit.
        delay_s: How long the policy takes for a decision; the longer, the more kills fall into episodes.
    """
    generator = random.Random(seed)
    begun = time.monotonic()
    whole = folder / "whole"
    begin = [*PROGRAM, *arguments(delay_s)]
    subprocess.run([*begin, "--out", str(whole)], env=environment, capture_output=True, check=True)
    duration = time.monotonic() - begun
    tally = Tally()
    while sum(tally.kills.values()) < moments:
        run = folder / f"run-{tally.runs}"
        _one_run(run, begin, environment, generator, duration, moments, tally)
        tally.runs += 1
        lines = (run / "episodes.jsonl").read_bytes().splitlines()
        tally.doubled += len(lines) - len({json.loads(line)["id"] for line in lines})
        tally.lost += 2 * EPISODES - len(RunStore.open(run).records())
        tally.different += bool(compare_records(whole, run))
    return tally


def _one_run(
    run: Path,
    begin: list[str],
    environment: dict,
    generator: random.Random,
    duration: float,
    moments: int,
    tally: Tally,
) -> None:
    """Start a run and kill it, or one of its workers, again and again until it has come to its end."""
    there: set = set()
    while True:
        resumes = (run / "manifest.json").exists()
        command = [*PROGRAM, "--resume", str(run)] if resumes else [*begin, "--out", str(run)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        is_due = sum(tally.kills.values()) < moments
        if is_due:
            _kill(process, generator, duration, tally)
        _, errors = process.communicate()
        now = (
            {record.spec.id for record in RunStore.open(run).records()}
            if (run / "manifest.json").exists()
            else set()
        )
        tally.lost += len(there - now)
        there = now
        if process.returncode == -signal.SIGKILL:
            tally.records_at_kill.append(len(now) if (run / "manifest.json").exists() else -1)
        elif process.returncode == 0:
            return
        else:
            tally.failures.append([process.returncode, errors.strip().splitlines()[-1:]])
            raise RuntimeError(f"{shlex.join(command)} ended with {process.returncode}:\n{errors}")


def _kill(process: subprocess.Popen, generator: random.Random, duration: float, tally: Tally) -> None:
    """Wait for a moment within the run and hit the driver or a worker, if it is still there."""
    moment, who = generator.uniform(0.0, duration), generator.choice(("driver", "worker"))
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=moment)
    if process.poll() is not None:
        return
    target = process.pid
    if who == "worker":
        workers = workers_of(process.pid)
        if not workers:
            return
        target = generator.choice(workers)
    with suppress(ProcessLookupError):
        os.kill(target, signal.SIGKILL)
        tally.kills[who] += 1


def workers_of(driver: int) -> list[int]:
    """Process ids of a driver's workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # A process may be called anything, text or not.
            parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            if parent == driver and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return sorted(found)

"""One run of ours, timed: what the scripts on rollout, scaling and start-up have in common."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.progress import RunInfo
from fdp_bench.runner.run import begin_run

MAIN_TASK = "fdp_bench/Lift-v1"
MAIN_POLICY = "fdp:prop>vision"
MAIN_SHIFT = "occlusion"
#: Phases of a worker's time in which it does the job, and those before and between.
READY_PHASES = ("physics", "frames", "inference", "resets", "other")


class Watcher:
    """Takes the place of the progress bar: when the first record came, and the workers' memory at the last one."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.first_record_s = 0.0
        self.memory: list[dict[str, int]] = []
        self._missing = 0

    def __call__(self, run_info: RunInfo) -> Callable[[EpisodeRecord], None]:
        """Return what takes each record."""
        self._missing = run_info.planned
        return self._take

    def _take(self, record: EpisodeRecord) -> None:
        del record
        self.first_record_s = self.first_record_s or time.perf_counter() - self.start
        self._missing -= 1
        if not self._missing:
            pids = [child.pid for child in multiprocessing.active_children() if child.pid]
            self.memory = [found for pid in pids if (found := memory_of(pid))]


def run_ours(
    *,
    episodes: int,
    workers: int,
    shifts: tuple[str, ...] = (MAIN_SHIFT,),
    lanes: int = 4,
    profile: str = "fast",
    seed: int = 0,
    policy: str = MAIN_POLICY,
) -> dict[str, Any]:
    """Run our runner once and say how long it took.

    Returns:
        ``episodes``, ``control_steps``, ``successes`` (shift -> [successes, episodes]); ``wall_s`` of the whole run,
        ``ready_s`` (worker seconds in which a worker did the job), ``setup_s`` (mean seconds until a worker was
        ready), ``first_record_s``, ``time_share`` of the whole run and ``steady_share`` of the ready seconds,
        ``memory`` (one entry a worker: ``rss``, ``pss``, ``private`` bytes).
    """
    config = RunConfig(
        task=MAIN_TASK,
        policies=(policy,),
        shifts=shifts,
        episodes=episodes,
        seed=seed,
        profile=profile,
        lanes=lanes,
        batch_rows=lanes,
    )
    watcher = Watcher()
    with tempfile.TemporaryDirectory() as folder:
        store = begin_run(
            config,
            Path(folder) / "run",
            name="benchmark",
            command=["benchmark"],
            progress=watcher,
            workers=workers,
        )
        wall_s = time.perf_counter() - watcher.start
        records = store.records()
        invocation = store.manifest().invocations[-1]
    errors = [record.error for record in records if record.status != "ok"]
    if errors:
        raise RuntimeError(f"{len(errors)} episodes ended in an error; the first: {errors[0]}")
    share, total = invocation["time_share"], invocation["worker_time_s"]
    ready = sum(share[phase] for phase in READY_PHASES)
    successes: dict[str, list[int]] = {}
    for record in records:
        counts = successes.setdefault(record.spec.shift, [0, 0])
        counts[0] += record.success_once
        counts[1] += 1
    return {
        "episodes": len(records),
        "control_steps": sum(record.steps for record in records),
        "successes": successes,
        "workers": invocation["workers"],
        "lanes": lanes,
        "wall_s": wall_s,
        "ready_s": ready * total,
        "setup_s": share["setup"] * total / invocation["workers"],
        "first_record_s": watcher.first_record_s,
        "time_share": share,
        "steady_share": {phase: share[phase] / ready for phase in READY_PHASES},
        "memory": watcher.memory,
    }


def steady_episodes_per_minute(figures: dict[str, Any]) -> float:
    """Episodes a minute of all workers together while they do the job."""
    return float(60.0 * figures["episodes"] * figures["workers"] / figures["ready_s"])


def steady_steps_per_second(figures: dict[str, Any]) -> float:
    """Control steps a second of all workers together while they do the job."""
    return float(figures["control_steps"] * figures["workers"] / figures["ready_s"])


def memory_of(pid: int) -> dict[str, int]:
    """Resident, proportional and private bytes of a process; empty where the kernel does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return {
        "rss": sizes["Rss"],
        "pss": sizes["Pss"],
        "private": sizes["Private_Clean"] + sizes["Private_Dirty"],
    }

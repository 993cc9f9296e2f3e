"""A run of five hundred episodes in one worker: does its memory grow, and are its last records a fresh worker's?"""

import os
import tempfile
from pathlib import Path
from typing import Any

from fdp_bench.records import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.shard import Shard
from fdp_bench.runner.run import begin_run
from fdp_bench.runner.workers.capacity import memory_held
from tests.runner.killing import workers_of

WHAT = "a run of 500 episodes of Lift in one worker: FDP, clean and under four shifts"
SHIFTS = ("camera_pose@3", "color@3", "distractors@3", "occlusion@3")
EPISODES = 100
#: Growth is counted from here on: all shifts come by in turn, in chunks of episodes.
SETTLED = 100
LIMIT_MB = 50.0


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Run them all in one worker, then the last fiftieth of the plan in a fresh one."""
    per_cell = 24 if quick else EPISODES
    settled = SETTLED if not quick else per_cell
    held: list[tuple[int, int]] = []

    def watch(run_info: Any) -> Any:
        del run_info

        def ended(record: Any) -> None:
            del record
            held.extend((pid, memory_held(pid) or 0) for pid in workers_of(os.getpid())[:1])

        return ended

    with tempfile.TemporaryDirectory() as name:
        whole = play(Path(name, "whole"), per_cell, watch, None)
        parts = 5 * per_cell // 10
        fresh = play(Path(name, "fresh"), per_cell, lambda run_info: lambda record: None, Shard(parts, parts))
        known = {record.spec.id: record.comparable() for record in whole.records()}
        again = [record.comparable() == known[record.spec.id] for record in fresh.records()]
    growth = (held[-1][1] - held[settled][1]) / 1e6
    return {
        "episodes": len(known),
        "workers_used": len({pid for pid, _ in held}),
        "growth_mb": round(growth, 2),
        "counted_from_episode": settled,
        "held_mb": [round(size / 1e6, 1) for _, size in held[:: max(1, len(held) // 20)]],
        "compared_with_fresh": len(again),
        "equal_to_fresh": sum(again),
        "shifts": ["clean", *SHIFTS],
        "passed": growth < LIMIT_MB and len({pid for pid, _ in held}) == 1 and len(again) > 0 and all(again),
    }


def play(out: Path, episodes: int, progress: Any, shard: Shard | None) -> RunStore:
    """The run, or a shard of it, in one worker."""
    config = RunConfig(task="Lift", policies=("fdp:prop>vision",), shifts=SHIFTS, episodes=episodes)
    return begin_run(config, out, name="torture", command=[], progress=progress, workers=1, shard=shard)


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    return (
        f"{figures['episodes']} episodes in {figures['workers_used']} worker: what it holds grew by "
        f"{figures['growth_mb']:.1f} MB after the first {figures['counted_from_episode']}; "
        f"{figures['equal_to_fresh']} of the {figures['compared_with_fresh']} records of the plan's last part equal a "
        "fresh worker's"
    )

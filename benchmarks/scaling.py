"""How the main job grows: with workers, with the policy's batch, and in memory.

Each worker is one process with one thread for everything, Mesa's rasterizer included, whatever their number, so one and
two workers differ in nothing else. Lanes and rows of a batch are one number here: so many episodes are stepped side by
side.
"""

import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ours import run_ours, steady_episodes_per_minute, steady_steps_per_second


def measure(
    episodes: int = 12,
    rounds: int = 2,
    workers: Sequence[int] = (1, 2),
    batches: Sequence[int] = (1, 2, 4, 8, 16),
    worker_episodes: int = 60,
) -> dict[str, Any]:
    """Run the main job with each number of workers, then with each batch by one worker, in turn.

    Args:
        episodes: A cell and run, where batches are compared.
        rounds: Turns.
        workers: Numbers of workers, the first of them 1.
        batches: Rows of a batch, and lanes.
        worker_episodes: A cell and run, where workers are compared: so many that lanes without an episode at the
            end of an arm, of which two workers have twice as many, hardly count.
    """
    by_workers: dict[int, list[dict[str, Any]]] = {number: [] for number in workers}
    by_batch: dict[int, list[dict[str, Any]]] = {rows: [] for rows in batches}
    for _ in range(rounds):
        for number in workers:
            by_workers[number].append(_run(f"{number} workers", episodes=worker_episodes, workers=number))
        for rows in batches:
            by_batch[rows].append(_run(f"batch {rows}", episodes=episodes, workers=1, lanes=rows))
    figures = {
        "episodes": episodes,
        "worker_episodes": worker_episodes,
        "workers": {str(number): _rates(runs) for number, runs in by_workers.items()},
        "batch": {str(rows): _rates(runs) for rows, runs in by_batch.items()},
        "memory_bytes": {f"{number} workers": _memory(runs) for number, runs in by_workers.items()},
        "memory_bytes_by_lanes": {str(rows): _memory(runs) for rows, runs in by_batch.items()},
        **record_costs(),
    }
    one, last = figures["workers"][str(workers[0])], figures["workers"][str(workers[-1])]
    figures["last_over_one_worker"] = last["steps_per_second"] / one["steps_per_second"]
    return figures


def record_costs(count: int = 500) -> dict[str, float]:
    """What a record costs the one process that gathers them: milliseconds to unpickle and write it, bytes on disk."""
    from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
    from fdp_bench.records.manifest import Manifest
    from fdp_bench.records.store import RunStore

    receipt = {"shift": "occlusion@3", "parameters": {"center_uv": [0.5, 0.5]}, "pixel_change": {"a": 1.0}}
    specs = [EpisodeSpec("task", "policy", "0" * 64, "occlusion@3", 0.6, i, 0) for i in range(count)]
    texts = [
        pickle.dumps(
            EpisodeRecord(
                spec=spec,
                status="ok",
                success_once=True,
                success_held=True,
                steps=80,
                latency_ms=(20.123,) * 15,
                wall_time_s=1.0,
                safety={"peak_contact_force_n": 10.0, "peak_joint_speed_rad_s": 1.0, "action_jerk": 0.1},
                receipt=receipt,
                initial_state_sha256="0" * 64,
                error="",
            )
        )
        for spec in specs
    ]
    with tempfile.TemporaryDirectory() as folder:
        manifest = Manifest(
            name="x", status="running", created="", config={}, episodes_planned=count, task={}
        )
        store = RunStore.create(Path(folder) / "run", manifest)
        with store.writer() as append:
            start = time.perf_counter()
            for text in texts:
                append(pickle.loads(text))
            seconds = time.perf_counter() - start
        size = store.episodes_path.stat().st_size
    return {"record_ms": 1e3 * seconds / count, "record_bytes": size / count}


def table(figures: dict[str, Any]) -> str:
    header = "| | episodes/min | control steps/s | over the first | setup of a worker, s |"
    lines = [header, "|---|---:|---:|---:|---:|"]
    for kind, unit in (("workers", "worker(s), batch 4"), ("batch", "rows and lanes, 1 worker")):
        first = next(iter(figures[kind].values()))["steps_per_second"]
        for number, rates in figures[kind].items():
            lines.append(
                f"| {number} {unit} | {rates['episodes_per_minute']:.1f} | {rates['steps_per_second']:.0f} "
                f"| {rates['steps_per_second'] / first:.2f} | {rates['setup_s']:.1f} |"
            )
    lines += ["", "| memory a worker, MiB | resident | proportional | private |", "|---|---:|---:|---:|"]
    memories = {**figures["memory_bytes"]}
    memories |= {f"{rows} lanes": found for rows, found in figures["memory_bytes_by_lanes"].items()}
    for name, found in memories.items():
        if found:
            mib = " | ".join(f"{found[kind] / 2**20:.0f}" for kind in ("rss", "pss", "private"))
            lines.append(f"| {name} | {mib} |")
    lines += [
        "",
        f"A record costs the gathering process {figures['record_ms']:.2f} ms and {figures['record_bytes']:.0f} bytes.",
    ]
    return "\n".join(lines)


def _run(name: str, **arguments: Any) -> dict[str, Any]:
    start = time.monotonic()
    figures = run_ours(**arguments)
    print(f"   {name}: {figures['episodes']} episodes in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return figures


def _rates(runs: list[dict[str, Any]]) -> dict[str, Any]:
    phases = runs[0]["steady_share"]
    return {
        "episodes_per_minute": statistics.median(map(steady_episodes_per_minute, runs)),
        "steps_per_second": statistics.median(map(steady_steps_per_second, runs)),
        "setup_s": statistics.median(run["setup_s"] for run in runs),
        "steady_share": {
            phase: statistics.fmean(run["steady_share"][phase] for run in runs) for phase in phases
        },
    }


def _memory(runs: list[dict[str, Any]]) -> dict[str, float]:
    workers = [found for run in runs for found in run["memory"]]
    if not workers:
        return {}
    return {kind: statistics.median(found[kind] for found in workers) for kind in workers[0]}

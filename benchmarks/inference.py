"""What an action chunk costs: straightforward composition against fast path, and FDP against DP-DiT, in turns.

Run as ``python -m benchmarks inference`` or ``python benchmarks/inference.py [--device cuda] [--json FILE]``. Timed is
the whole of `act`, from NumPy arrays to NumPy arrays: frames prepared, encoders, ten DDIM steps, actions.
Straightforward means the plain modules, conditions encoded once a chunk, a step at a time. On a CPU both have one
thread, and next to the wall time stands the thread's CPU time, which other processes on the machine disturb less.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.runner.rollout.latency import plausible_observation

TASK_ID = "fdp_bench/Lift-v1"
#: Name in the table -> policy string; the first is what the others are compared with.
POLICIES = {
    "DP-DiT": "dp-dit",
    "FDP prop>vision": "fdp:prop>vision",
    "FDP vision>prop": "fdp:vision>prop",
}
WARM_UP_CALLS = 3
#: Rows -> goal for FDP prop>vision's latency over DP-DiT's.
CPU_GOALS = {1: 1.8, 8: 2.2}
GPU_GOAL = 1.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--repeats", type=int, default=30, help="timed calls of each (default 30)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8, 16], metavar="ROWS")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    figures = measure(arguments.repeats, arguments.batches, arguments.device)
    print(table(figures))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


def measure(repeats: int = 30, batches: Sequence[int] = (1, 4, 8, 16), device: str = "cpu") -> dict[str, Any]:
    """Median milliseconds of `act`, each policy both ways in turn, and their ratios, for each number of rows."""
    policies = {name: build(text, device) for name, text in POLICIES.items()}
    return {
        "device": device_name(device),
        "repeats": repeats,
        "goals": {str(rows): goal(rows, device) for rows in batches},
        "by_rows": {str(rows): measure_rows(policies, rows, repeats) for rows in batches},
    }


def measure_rows(policies: Mapping[str, Any], rows: int, repeats: int) -> dict[str, Any]:
    """Figures for one number of rows."""
    acts: dict[tuple[str, str], Callable[[], Any]] = {}
    differences = {}
    for name, policy in policies.items():
        sampler, given = policy._sampler, inputs(policy, rows)
        acts[name, "plain"] = lambda sampler=sampler, given=given: sampler.act_plainly(*given)
        acts[name, "fast"] = lambda sampler=sampler, given=given: sampler.act(*given)
        chunks = np.abs(acts[name, "fast"]() - acts[name, "plain"]()).max((1, 2))
        differences[name] = {"median": float(np.median(chunks)), "max": float(chunks.max())}
    wall, cpu = timed_in_turn(acts, repeats)
    first = next(iter(policies))
    return {
        "wall_ms": nested(wall),
        "cpu_ms": nested(cpu),
        "plain_over_fast": {name: wall[name, "plain"] / wall[name, "fast"] for name in policies},
        "over_dp_dit": {name: wall[name, "fast"] / wall[first, "fast"] for name in policies},
        "over_dp_dit_cpu": {name: cpu[name, "fast"] / cpu[first, "fast"] for name in policies},
        "action_difference": differences,
    }


def timed_in_turn(
    acts: Mapping[tuple[str, str], Callable[[], Any]], repeats: int
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Medians of wall and of CPU time in milliseconds; every round calls each once."""
    wall: dict[tuple[str, str], list[float]] = {key: [] for key in acts}
    cpu: dict[tuple[str, str], list[float]] = {key: [] for key in acts}
    for number in range(WARM_UP_CALLS + repeats):
        for key, act in acts.items():
            start, cpu_start = time.perf_counter(), time.thread_time()
            act()
            end, cpu_end = time.perf_counter(), time.thread_time()
            if number >= WARM_UP_CALLS:
                wall[key].append((end - start) * 1e3)
                cpu[key].append((cpu_end - cpu_start) * 1e3)
    return tuple({key: statistics.median(values) for key, values in clock.items()} for clock in (wall, cpu))


def build(text: str, device: str) -> Any:
    from fdp_bench.plugins import load_policy
    from fdp_bench.specs import parse_policy
    from fdp_bench.tasks import describe

    spec, task = parse_policy(text), describe(TASK_ID)
    kind = load_policy(spec.name)
    return kind(kind.resolve(spec, task), task, device=device)


def inputs(policy: Any, rows: int) -> tuple[Any, Any]:
    noise = np.random.default_rng(0).standard_normal((rows, *policy.noise_shape), dtype=np.float32)
    return plausible_observation(policy, policy.task, rows), noise


def goal(rows: int, device: str) -> float | None:
    return CPU_GOALS.get(rows) if device == "cpu" else GPU_GOAL


def device_name(device: str) -> str:
    import torch

    if device == "cpu":
        return f"cpu, {torch.get_num_threads()} thread"
    return torch.cuda.get_device_name(device)


def nested(values: Mapping[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    result: dict[str, dict[str, float]] = {}
    for (name, way), value in values.items():
        result.setdefault(name, {})[way] = value
    return result


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"Action chunks on {figures['device']}, median ms of {figures['repeats']} calls taken in turn",
        "",
        "| rows | policy | plain | fast | plain / fast | fast, over DP-DiT | by CPU time | goal |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for rows, found in figures["by_rows"].items():
        for name, times in found["wall_ms"].items():
            wanted = figures["goals"][rows] if name == "FDP prop>vision" else None
            lines.append(
                f"| {rows} | {name} | {times['plain']:.1f} | {times['fast']:.1f} | "
                f"{found['plain_over_fast'][name]:.2f} | {found['over_dp_dit'][name]:.2f} | "
                f"{found['over_dp_dit_cpu'][name]:.2f} | {f'<= {wanted}' if wanted else ''} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

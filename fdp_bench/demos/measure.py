"""How often the scripted experts succeed, and how long their episodes are.

Run as ``python -m fdp_bench.demos.measure --task Can --seeds 200 --out results/demos/can-expert.json``. The
episodes are those of ``fdp-bench demos`` with the same seed, lead-ins included; success is an episode that ends
with success held.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api import stream, stream_int
from fdp_bench.demos.experts.registry import EXPERTS, resolve_expert_task
from fdp_bench.demos.recording.attempt import DEMO_EXPERT, DEMO_STATE
from fdp_bench.extras import ROBOSUITE, require_extra
from fdp_bench.records.provenance import git_state
from fdp_bench.stats import wilson_interval
from fdp_bench.tasks import TASKS


def measure_expert(task_id: str, *, seeds: int, seed: int = 0) -> dict[str, Any]:
    """Let a task's expert act for a number of episodes, without drawing.

    Args:
        task_id: Key of `EXPERTS`.
        seeds: Number of episodes, >= 1.
        seed: Seed of the collection.

    Returns:
        JSON-ready: counts, rate with its Wilson 95% interval, lengths in control steps, safety figures' medians.
    """
    import gymnasium

    env: Any = gymnasium.make(
        task_id, draw_images=False, read_touch=False, disable_env_checker=True
    ).unwrapped
    expert_of_task = EXPERTS[task_id]
    held, steps, forces, failed = [], [], [], []
    try:
        for attempt in range(seeds):
            env.reset(seed=stream_int(seed, attempt, DEMO_STATE))
            expert = expert_of_task.begin(stream(seed, attempt, DEMO_EXPERT))
            count, terminated, truncated = 0, False, False
            while not (terminated or truncated):
                action = expert.act(expert_of_task.read(env.robosuite_env))
                _, _, terminated, truncated, _ = env.step(action)
                count += 1
            held.append(terminated)
            steps.append(count)
            forces.append(env.safety()["peak_contact_force_n"])
            failed += [] if terminated else [attempt]
    finally:
        env.close()
    return {
        "task": task_id,
        "episodes": seeds,
        "seed": seed,
        "expert_version": expert_of_task.version,
        "successes": sum(held),
        "success_rate": sum(held) / seeds,
        "wilson_95": list(wilson_interval(sum(held), seeds)),
        "failed_attempts": failed,
        "steps": {
            "mean": float(np.mean(steps)),
            "median": float(np.median(steps)),
            "longest": max(steps),
            "horizon": TASKS[task_id].horizon,
        },
        "median_peak_contact_force_n": float(np.median(forces)),
    }


def main() -> None:
    """Measure one task's expert from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", required=True, help="task with an expert, for instance Can")
    parser.add_argument("--seeds", type=int, default=200, help="episodes (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file too")
    arguments = parser.parse_args()
    task_id = resolve_expert_task(arguments.task)
    require_extra(f"task {task_id!r}", ROBOSUITE)
    command = (
        f"python -m fdp_bench.demos.measure --task {TASKS[task_id].short_name} --seeds {arguments.seeds}"
    )
    figures = {
        "command": command,
        # Read first: the checkout may move on meanwhile.
        "git": git_state(),
        "versions": {name: version(name) for name in ("fdp-bench", "robosuite", "mujoco", "numpy")},
        **measure_expert(task_id, seeds=arguments.seeds),
    }
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""Does the scripted expert succeed as often with the compiled control step as with robosuite's own?

Run as ``python -m benchmarks.expert_success [--seeds N] [--json FILE]``; 500 seeds of both tasks take some ten
minutes. On each seed one expert acts in an environment that robosuite steps and its twin, with the same random
stream, in one that the compiled stepper steps; each closes the loop on its own states. Along the way the control
steps are noted at which the two states have come further apart than some distances.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.__main__ import machine_facts
from fdp_bench.api import stream
from fdp_bench.demos.experts.grasp import read_grasp_state
from fdp_bench.demos.experts.lead_in import DemonstrationExpert
from fdp_bench.stats import count_pairs, exact_mcnemar, paired_difference_interval, wilson_interval
from fdp_bench.tasks import TASKS
from fdp_bench.tasks.lift import HORIZON, LiftEnv

STEPPERS = ("robosuite", "compiled")
LIFT_TASKS = ("fdp_bench/Lift-v1", "fdp_bench/LiftWide-v1")
#: Of joint positions and velocities; the largest is where an expert may well decide otherwise.
DISTANCES = (1e-12, 1e-9, 1e-6, 1e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=500, help="seeds of each task (default 500)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    # Taken first: the checkout may move on meanwhile.
    machine = machine_facts()
    figures = {**measure(arguments.seeds), "machine": machine}
    print(table(figures))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


def measure(seeds: int = 500, tasks: Sequence[str] = LIFT_TASKS) -> dict[str, Any]:
    """Successes with each stepper, their paired difference, and how long states agree, by task."""
    return {"seeds": seeds, "tasks": {task: _measure_task(task, seeds) for task in tasks}}


def _measure_task(task: str, seeds: int) -> dict[str, Any]:
    envs = {
        stepper: LiftEnv(
            task_id=task, draw_images=False, read_touch=False, stepper=stepper, **TASKS[task].options
        )
        for stepper in STEPPERS
    }
    outcomes = [play_twice(envs, seed) for seed in range(seeds)]
    for env in envs.values():
        env.close()
    held = {stepper: [outcome["held"][stepper] for outcome in outcomes] for stepper in STEPPERS}
    pairs = count_pairs(held["compiled"], held["robosuite"])
    return {
        "held": {
            stepper: {
                "successes": sum(successes),
                "rate": sum(successes) / seeds,
                "wilson_95": list(wilson_interval(sum(successes), seeds)),
                "median_steps": float(np.median([outcome["steps"][stepper] for outcome in outcomes])),
            }
            for stepper, successes in held.items()
        },
        "pairs": {
            "both": pairs.both,
            "only_compiled": pairs.only_first,
            "only_robosuite": pairs.only_second,
            "neither": pairs.neither,
        },
        "difference_95": list(paired_difference_interval(pairs)),
        "mcnemar_p": exact_mcnemar(pairs),
        "equal_lengths": sum(len(set(outcome["steps"].values())) == 1 for outcome in outcomes),
        "states_apart": {
            f"{distance:g}": _summary([outcome["apart"][distance] for outcome in outcomes])
            for distance in DISTANCES
        },
    }


def play_twice(envs: dict[str, LiftEnv], seed: int) -> dict[str, Any]:
    """One episode with each stepper, side by side.

    Returns:
        ``held`` and ``steps`` by stepper, and ``apart``: distance -> the control step after which the states
        were further apart for the first time, None where they never were while both episodes ran.
    """
    experts = {stepper: DemonstrationExpert(stream(seed, 0, "expert-success")) for stepper in envs}
    held, steps = dict.fromkeys(envs, False), dict.fromkeys(envs, 0)
    apart: dict[float, int | None] = dict.fromkeys(DISTANCES)
    for env in envs.values():
        env.reset(seed=seed)
    running = set(envs)
    for step in range(HORIZON):
        both_ran = len(running) == len(envs)
        for stepper in sorted(running):
            action = experts[stepper].act(read_grasp_state(envs[stepper].robosuite_env))
            _, _, held[stepper], truncated, _ = envs[stepper].step(action)
            steps[stepper] += 1
            if held[stepper] or truncated:
                running.discard(stepper)
        if both_ran:
            first, second = (env.state() for env in envs.values())
            distance = float(np.abs(first - second).max())
            apart |= {limit: step for limit in DISTANCES if apart[limit] is None and distance > limit}
        if not running:
            break
    return {"held": held, "steps": steps, "apart": apart}


def _summary(steps: list[int | None]) -> dict[str, Any]:
    """Share of episodes that ever came so far apart, and after how many control steps."""
    known = [step for step in steps if step is not None]
    return {
        "episodes": len(known),
        "median_step": float(np.median(known)) if known else None,
        "first_step": min(known) if known else None,
    }


def table(figures: dict[str, Any]) -> str:
    lines = [
        "| task | robosuite's step | compiled step | compiled - robosuite, 95% | only one succeeds |",
        "|---|---|---|---|---|",
    ]
    for task, measured in figures["tasks"].items():
        cells = [task]
        for stepper in STEPPERS:
            held = measured["held"][stepper]
            low, high = held["wilson_95"]
            cells.append(f"{held['successes']}/{figures['seeds']} ({low:.3f} to {high:.3f})")
        low, high = measured["difference_95"]
        pairs = measured["pairs"]
        cells.append(f"{low:+.3f} to {high:+.3f}")
        cells.append(f"{pairs['only_robosuite']} robosuite's, {pairs['only_compiled']} compiled")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

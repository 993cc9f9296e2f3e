"""What a control step costs: robosuite's own against ours, in one process, taken in turns.

Run as ``python -m benchmarks step`` or ``python -m benchmarks.step [--episodes N] [--json FILE]``. The scripted expert
lifts the cube; all environments start from the same state and get the same actions, so they meet the same contacts.

- ``robosuite``: `robosuite.make("Lift", robots="Panda")` without cameras, with the observables it has by default.
- ``robosuite, no observables``: our environment on robosuite's step, which reads no observables.
- ``ours``: our environment's `step` without frames: proprioception, success and safety figures included.
- ``25 bare mj_steps``: the same physics from the same states with nothing in between, which is the floor.

Times are of the processor, which a busy machine hardly distorts; all is done by one thread, so on an idle machine
they are the times on the clock.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np

from fdp_bench.demos.experts.grasp import read_grasp_state
from fdp_bench.demos.experts.lift import LiftExpert
from fdp_bench.sim.physics import MODEL_SEED, import_robosuite
from fdp_bench.tasks.lift import LiftEnv

STEPS_AN_EPISODE = 50
SUBSTEPS = 25
PEER, NO_OBSERVABLES, OURS, FLOOR = (
    "robosuite",
    "robosuite, no observables",
    "ours",
    "25 bare mj_steps",
)
#: Part of our step -> the object and its method that do it.
PARTS: dict[str, tuple[Callable[[LiftEnv], Any], str]] = {
    "physics and law": (lambda env: env._take_control_step, "_control_step"),
    "safety figures": (lambda env: env._safety, "update"),
    "observation": (lambda env: env, "_observation"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=6, help="episodes of 50 control steps (default 6)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    figures = measure(arguments.episodes)
    print(table(figures))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


def measure(episodes: int = 6) -> dict[str, Any]:
    """Median processor milliseconds a control step of each, robosuite's over ours, and where ours goes.

    Args:
        episodes: Episodes of 50 control steps; one more goes before them to warm up.
    """
    peer = make_robosuite()
    slow = LiftEnv(draw_images=False, read_touch=False, stepper="robosuite")
    ours, watched = (LiftEnv(draw_images=False, read_touch=False) for _ in range(2))
    bare = mujoco.MjData(ours._model)
    parts: dict[str, list[float]] = {part: [] for part in PARTS}
    for part, (holder, method) in PARTS.items():
        _watch(holder(watched), method, parts[part])
    times: dict[str, list[float]] = {name: [] for name in (PEER, NO_OBSERVABLES, OURS, FLOOR, "watched")}
    for episode in range(episodes + 1):
        if episode == 1:
            for measured in (*times.values(), *parts.values()):
                measured.clear()
        for env in (slow, ours, watched):
            env.reset(seed=episode)
        # The reset observed too.
        parts["observation"].pop()
        reset_robosuite(peer, episode)
        expert = LiftExpert(np.random.default_rng(episode))
        for _ in range(STEPS_AN_EPISODE):
            action = expert.act(read_grasp_state(ours.robosuite_env))
            for field in ("qpos", "qvel", "ctrl", "qacc_warmstart"):
                getattr(bare, field)[:] = getattr(ours._data, field)
            times[PEER].append(cpu_ms(lambda action=action: peer.step(action)))
            times[NO_OBSERVABLES].append(cpu_ms(lambda action=action: slow.step(action)))
            times[OURS].append(cpu_ms(lambda action=action: ours.step(action)))
            times[FLOOR].append(cpu_ms(lambda: mujoco.mj_step(ours._model, bare, nstep=SUBSTEPS)))
            times["watched"].append(cpu_ms(lambda action=action: watched.step(action)))
        # Equal states to the end, or the comparison is of different contacts.
        np.testing.assert_allclose(ours.state(), peer.sim.get_state().flatten(), rtol=0.0, atol=1e-3)
    for env in (slow, ours, watched):
        env.close()
    peer.close()
    parts["all else"] = list(np.array(times.pop("watched")) - np.sum(list(parts.values()), axis=0))
    medians = {name: float(np.median(measured)) for name, measured in times.items()}
    return {
        "control_steps": episodes * STEPS_AN_EPISODE,
        "median_cpu_ms": medians,
        "robosuite_over_ours": medians[PEER] / medians[OURS],
        "robosuite_without_observables_over_ours": medians[NO_OBSERVABLES] / medians[OURS],
        "ours_over_bare_mj_steps": medians[OURS] / medians[FLOOR],
        "parts_of_ours_median_cpu_ms": {part: float(np.median(measured)) for part, measured in parts.items()},
    }


def make_robosuite() -> Any:
    return import_robosuite().make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        ignore_done=True,
        # Outside what is timed: its resets would compile the model again.
        hard_reset=False,
        seed=MODEL_SEED,
    )


def reset_robosuite(env: Any, seed: int) -> None:
    """Start the episode that `LiftEnv.reset` starts with this seed."""
    inner_seed = gymnasium.utils.seeding.np_random(seed)[0].integers(2**63)
    env.rng = env.placement_initializer.rng = np.random.default_rng(int(inner_seed))
    env.reset()


def _watch(holder: Any, method: str, measured: list[float]) -> None:
    """Let a method note the milliseconds that it takes."""
    act = getattr(holder, method)

    def watched(*args: Any) -> Any:
        start = time.process_time()
        result = act(*args)
        measured.append((time.process_time() - start) * 1e3)
        return result

    setattr(holder, method, watched)


def cpu_ms(act: Callable[[], Any]) -> float:
    start = time.process_time()
    act()
    return (time.process_time() - start) * 1e3


def table(figures: dict[str, Any]) -> str:
    robosuite_ms = figures["median_cpu_ms"][PEER]
    lines = ["| control step | median ms | robosuite / this |", "|---|---:|---:|"]
    for name, milliseconds in figures["median_cpu_ms"].items():
        lines.append(f"| {name} | {milliseconds:.2f} | {robosuite_ms / milliseconds:.1f} |")
    lines += ["", "| part of ours | median ms | share |", "|---|---:|---:|"]
    parts = figures["parts_of_ours_median_cpu_ms"]
    for part, milliseconds in parts.items():
        lines.append(f"| {part} | {milliseconds:.3f} | {milliseconds / sum(parts.values()):.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""What a frame costs: robosuite's own camera observation against ours, in one process, taken in turns.

Run as ``python -m benchmarks render``. Both draw the same states at 84x84; robosuite's
time is its camera sensor's (`MjSim.render`), ours is `Scene.frames` with the joint positions taken over.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fdp_bench.sim.gl import gl_strings
from fdp_bench.sim.physics import MODEL_SEED, import_robosuite
from fdp_bench.sim.scene import CAMERAS, FRAME_SIDE
from fdp_bench.tasks.lift import LiftEnv

WARM_UP_FRAMES = 3


def measure(frames: int = 60) -> dict[str, Any]:
    """Median milliseconds a frame of each renderer and camera, and robosuite's over ours."""
    robosuite_env = make_robosuite()
    ours = {profile: LiftEnv(profile=profile, draw_images=False) for profile in ("fast", "reference")}
    rng = np.random.default_rng(0)
    for env in ours.values():
        env.reset(seed=0)
    context = robosuite_env.sim._render_context_offscreen.gl_ctx
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(frames + WARM_UP_FRAMES):
        action = rng.uniform(-1.0, 1.0, 7).astype(np.float32)
        for env in ours.values():
            env.step(action)
        robosuite_env.sim.set_state_from_flattened(ours["fast"].state())
        robosuite_env.sim.forward()
        for key, camera in CAMERAS.items():
            # robosuite leaves its context current from the start; ours is made so in each frame, which counts.
            context.make_current()
            drawn = {"robosuite": lambda camera=camera: robosuite_frame(robosuite_env, camera)}
            drawn |= {name: lambda env=env, key=key: env.scene.frames([key]) for name, env in ours.items()}
            for name, draw in drawn.items():
                milliseconds = timed_ms(draw)
                if number >= WARM_UP_FRAMES:
                    times.setdefault((name, key), []).append(milliseconds)
    medians = {f"{name} {key}": float(np.median(values)) for (name, key), values in times.items()}
    overall = {
        name: float(
            np.median([value for (who, _), values in times.items() if who == name for value in values])
        )
        for name in ("robosuite", *ours)
    }
    strings = gl_strings()
    for env in ours.values():
        env.close()
    return {
        "frames": frames,
        "side_pixels": FRAME_SIDE,
        "median_ms_by_camera": medians,
        "median_ms": overall,
        "robosuite_over_fast": overall["robosuite"] / overall["fast"],
        "gl": strings,
    }


def make_robosuite() -> Any:
    return import_robosuite().make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=True,
        use_camera_obs=False,
        control_freq=20,
        ignore_done=True,
        hard_reset=False,
        seed=MODEL_SEED,
    )


def robosuite_frame(env: Any, camera: str) -> Any:
    return env.sim.render(camera_name=camera, width=FRAME_SIDE, height=FRAME_SIDE)


def timed_ms(draw: Callable[[], Any]) -> float:
    start = time.perf_counter()
    draw()
    return (time.perf_counter() - start) * 1e3


def table(figures: dict[str, Any]) -> str:
    lines = ["| frame, 84x84 | median ms | robosuite / this |", "|---|---|---|"]
    robosuite_ms = figures["median_ms"]["robosuite"]
    for name, milliseconds in figures["median_ms"].items():
        lines.append(f"| {name} | {milliseconds:.2f} | {robosuite_ms / milliseconds:.1f} |")
    return "\n".join(lines)

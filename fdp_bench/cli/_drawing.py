"""``fdp-bench doctor`` draws a frame of Lift, in a process of its own: a bad OpenGL driver may crash it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from fdp_bench.cli._finding import OK, PROBLEM, Finding

#: Frames darker than this on average, of 255, or flatter than this in standard deviation, show no scene.
_LEAST_BRIGHTNESS, _LEAST_CONTRAST = 10.0, 3.0
_TIMEOUT_S = 600


def check_rendering() -> Iterator[Finding]:
    """Whether frames of Lift can be drawn and show something."""
    from fdp_bench.api import RenderingError
    from fdp_bench.sim.gl import choose_backend

    try:
        backend = choose_backend()
    except RenderingError as error:
        text, _, mend = str(error).partition("; ")
        yield Finding(PROBLEM, "rendering", text, mend or "set MUJOCO_GL to egl or osmesa")
        return
    command = [sys.executable, "-P", "-c", "from fdp_bench.cli._drawing import draw_probe; draw_probe()"]
    mend = "apt-get install libegl1 libgl1-mesa-dri, or apt-get install libosmesa6 and set MUJOCO_GL=osmesa"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        yield Finding(PROBLEM, "rendering", f"{backend}: no frame within {_TIMEOUT_S} s", mend)
        return
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}"
        yield Finding(PROBLEM, "rendering", f"{backend}: drawing a frame of Lift failed: {reason}", mend)
        return
    yield from judge_probe(json.loads(done.stdout.strip().splitlines()[-1]), mend)


def judge_probe(probe: dict[str, Any], mend: str) -> Iterator[Finding]:
    """Say what `draw_probe` measured."""
    gl = probe["gl"]
    name = f"{gl['backend']}, {gl['vendor']}, {gl['renderer']}"
    empty = [
        f"{camera} (brightness {frame['mean']:.0f}, contrast {frame['std']:.0f}, of 255)"
        for camera, frame in probe["frames"].items()
        if frame["mean"] < _LEAST_BRIGHTNESS or frame["std"] < _LEAST_CONTRAST
    ]
    if empty:
        yield Finding(PROBLEM, "rendering", f"{name}: frames of Lift show nothing: {', '.join(empty)}", mend)
    else:
        shown = f"{len(probe['frames'])} cameras of Lift drawn, {probe['ms']:.1f} ms a frame"
        yield Finding(OK, "rendering", f"{name}: {shown}")


def draw_probe() -> None:
    """Draw Lift's first frames and print what they look like and how long one takes, as JSON."""
    import time

    import numpy as np

    from fdp_bench.api import image_keys
    from fdp_bench.runner.rollout.environment import make_base
    from fdp_bench.sim.gl import gl_strings, prepare_environment

    prepare_environment()
    env = make_base("Lift")
    observation, _ = env.reset(seed=0)
    keys = image_keys(tuple(observation))
    repeats = 5
    start = time.perf_counter()
    for _ in range(repeats):
        env.unwrapped.scene.frames(keys)  # type: ignore[attr-defined]
    milliseconds = 1000 * (time.perf_counter() - start) / (repeats * len(keys))
    frames = {
        key: {"mean": float(np.mean(observation[key])), "std": float(np.std(observation[key]))}
        for key in keys
    }
    print(json.dumps({"gl": gl_strings(), "frames": frames, "ms": milliseconds}))
    sys.stdout.flush()
    env.close()

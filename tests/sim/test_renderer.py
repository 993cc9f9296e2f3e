"""Several environments on the process's one context: each shows its own scene."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fdp_bench.sim.scene import CAMERAS
from fdp_bench.tasks.lift import LiftEnv

KEYS = tuple(CAMERAS)
PAINT = np.array([0.0, 0.6, 0.0])


def frames_of_an_episode(env, seed, dress):
    env.reset(seed=seed)
    dress(env.scene)
    taken = []
    for _ in range(4):
        env.step(np.full(7, 0.4, np.float32))
        taken.append(env.scene.frames(KEYS))
    return taken


def leave_clean(scene):
    pass


def paint_table(scene):
    scene.tint_part("table", PAINT, amount=1.0)


def test_interleaved_environments_never_return_each_others_frames():
    makers = [
        (lambda: LiftEnv(draw_images=False), 1, leave_clean),
        (lambda: LiftEnv(draw_images=False, placement_range_m=0.12), 2, paint_table),
        (lambda: LiftEnv(draw_images=False, profile="reference"), 3, leave_clean),
    ]
    alone = []
    for make, seed, dress in makers:
        env = make()
        alone.append(frames_of_an_episode(env, seed, dress))
        env.close()

    envs = [make() for make, _, _ in makers]
    for env, (_, seed, dress) in zip(envs, makers, strict=True):
        env.reset(seed=seed)
        dress(env.scene)
    for step in range(4):
        for env in envs:
            env.step(np.full(7, 0.4, np.float32))
        for index in (2, 0, 1):
            for key in KEYS:
                np.testing.assert_array_equal(
                    envs[index].scene.frames([key])[key], alone[index][step][key], err_msg=f"{index} {key}"
                )
    # Closing one leaves the others whole.
    envs[0].close()
    for index in (1, 2):
        np.testing.assert_array_equal(envs[index].scene.frames(KEYS)[KEYS[0]], alone[index][3][KEYS[0]])
        envs[index].close()


def test_a_foreign_context_made_current_in_between_changes_nothing():
    from fdp_bench.sim import gl

    env = LiftEnv()
    observation, _ = env.reset(seed=0)
    foreign = gl._backend_module(gl.shared_context().backend).GLContext(64, 64)
    foreign.make_current()
    for key, frame in env.scene.frames(KEYS).items():
        np.testing.assert_array_equal(frame, observation[key])
    foreign.free()
    for key, frame in env.scene.frames(KEYS).items():
        np.testing.assert_array_equal(frame, observation[key])
    env.close()


# As robosuite does, whose own renderer ends the display that ours lives on.
TERMINATE_FIRST = (
    "import atexit, mujoco.egl as egl; atexit.register(egl.egl_ext.eglTerminate, egl.EGL_DISPLAY)"
    " if egl.EGL_DISPLAY else None"
)


@pytest.mark.parametrize(
    "ending", ["env.close()", "pass", TERMINATE_FIRST], ids=["closed", "open", "terminated"]
)
def test_a_process_that_drew_ends_silently(ending):
    code = (
        "from fdp_bench.tasks.lift import LiftEnv\n"
        f"env = LiftEnv(); env.reset(seed=0); {ending}\n"
        "print('done')"
    )
    finished = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "done\n", "")


@pytest.mark.slow
def test_frames_do_not_depend_on_mesas_threads_or_the_cache(tmp_path):
    code = (
        "import hashlib\n"
        "from fdp_bench.tasks.lift import LiftEnv\n"
        "env = LiftEnv(); observation, _ = env.reset(seed=0)\n"
        "print(hashlib.sha256(b''.join(value.tobytes() for value in observation.values())).hexdigest())"
    )
    digests = set()
    for threads, cache in (("0", "one"), ("2", "one"), ("0", "two")):
        environment = {**os.environ, "LP_NUM_THREADS": threads, "FDP_BENCH_CACHE": str(tmp_path / cache)}
        finished = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
        )
        digests.add(finished.stdout)
    assert len(digests) == 1

"""A renderer's life: made when something is drawn, kept over resets, freed at close."""

import subprocess
import sys

import numpy as np
import pytest

from fdp_bench.sim import gl
from fdp_bench.tasks.lift import LiftEnv


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_an_environment_that_draws_nothing_makes_no_context():
    code = """
import numpy as np
from fdp_bench.sim import gl
from fdp_bench.tasks.lift import LiftEnv
env = LiftEnv(draw_images=False)
env.reset(seed=0); env.step(np.zeros(7, np.float32))
print(gl._shared is None)
env.draw_images = True
env.step(np.zeros(7, np.float32))
print(gl._shared is None)
"""
    assert run_python(code) == ["True", "False"]


def test_a_renderer_is_kept_over_resets_and_freed_at_close():
    env = LiftEnv()
    env.reset(seed=0)
    renderer = env.scene._renderer
    uploaded = renderer._uploaded
    assert renderer in gl.shared_context().users
    for seed in range(3):
        env.reset(seed=seed)
        env.step(np.zeros(7, np.float32))
    assert env.scene._renderer._uploaded is uploaded is not None

    env.close()

    assert renderer not in gl.shared_context().users
    assert renderer._uploaded is None


def test_a_profile_without_shadows_has_no_map_for_them():
    env = LiftEnv()
    reference = LiftEnv(profile="reference")

    assert env.scene.model.vis.quality.shadowsize == 0
    assert reference.scene.model.vis.quality.shadowsize > 0
    for made in (env, reference):
        made.close()


def test_time_spent_drawing_is_counted():
    env = LiftEnv(draw_images=False)
    env.reset(seed=0)
    env.step(np.zeros(7, np.float32))
    assert env.scene.drawing_s == 0.0

    env.scene.frames(["image.wrist"])
    after_frame = env.scene.drawing_s
    env.scene.segmentation("image.wrist")

    assert 0.0 < after_frame < env.scene.drawing_s
    env.close()


#: Resets an environment of its own under one shift after the other, and prints how the resident memory grew, in MB.
LEAK = """
import sys
from pathlib import Path
from fdp_bench.runner.rollout.lane import Lane

def own_mb():
    # Not what it shares: pages of files are dropped and read again as the system likes.
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * 4096 / 1e6

lane = Lane("fdp_bench/Lift-v1", "fast")
shifts = ("clean", "color@4", "distractors@3", "occlusion@3")

def reset(number):
    env = lane.environment(shifts[number // 10 % len(shifts)])
    env.unwrapped.draw_images = True
    env.reset(seed=number, options={"shift_seed": number})

for number in range(2 * 10 * len(shifts)):
    reset(number)
before = own_mb()
for number in range(int(sys.argv[1])):
    reset(number)
print(own_mb() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_thousand_resets_with_frames_leak_less_than_20_mb():
    done = subprocess.run([sys.executable, "-c", LEAK, "1000"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 20.0

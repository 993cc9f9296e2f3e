"""Shifts of touch on the real task, and what shifts of other senses leave of it."""

import numpy as np
import pytest
from fdp_shifts.distractors import Distractors
from fdp_shifts.tactile import TactileBias, TactileDropout, TactileNoise

from fdp_bench.sim.touch import SATURATION
from fdp_bench.tasks.lift import LiftEnv
from fdp_bench.testing import check_shift

SHIFTS = (TactileNoise, TactileBias, TactileDropout)


@pytest.fixture(scope="module")
def env():
    made = LiftEnv(draw_images=False)
    yield made
    made.close()


def felt(env, steps=12):
    shown = [env.reset(seed=4, options={"shift_seed": 1})[0]["tactile"]]
    reach = np.array([0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0], np.float32)
    return np.array(shown + [env.step(reach)[0]["tactile"] for _ in range(steps)])


@pytest.mark.parametrize("kind", SHIFTS)
def test_shifts_of_touch_keep_the_rules_on_lift(env, kind):
    check_shift(kind, env, steps=6)


@pytest.mark.parametrize("kind", SHIFTS)
def test_shifts_of_touch_move_what_is_felt_and_stay_within_its_range(env, kind):
    clean, shifted = felt(env), felt(kind(env, severity=1.0))

    assert np.abs(shifted - clean).max() > 0.2
    assert np.abs(shifted).max() <= SATURATION


def test_a_bias_of_touch_counts_in_the_documented_scales(env):
    shift = TactileBias(env, severity=0.5)
    clean, shifted = felt(env), felt(shift)

    errors = shifted - clean
    np.testing.assert_allclose(errors, np.broadcast_to(errors[0], errors.shape), atol=1e-6)
    # Half the scale to all of it, at severity 0.5: 5 to 10 N, 0.5 to 1 N m.
    assert ((np.abs(errors[0]) > 0.249) & (np.abs(errors[0]) < 0.501)).all()
    assert shift.receipt().parameters["scale"] == {"scale": 0.5}


def test_a_shift_of_vision_leaves_touch_as_it_is(env):
    np.testing.assert_array_equal(felt(env), felt(Distractors(env, severity=1.0)))

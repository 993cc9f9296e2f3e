"""`tactile_noise`, `tactile_bias` and `tactile_dropout`, on a toy with touch."""

import numpy as np
import pytest
from corruptions_shown import TOUCH_SIZE, TouchToy, readings
from fdp_shifts.tactile import TactileBias, TactileDropout, TactileNoise

from fdp_bench.api import UnsupportedShiftError
from fdp_bench.testing import check_shift

SHIFTS = (TactileNoise, TactileBias, TactileDropout)


def touch(kind, severity, steps, **options):
    return readings(TouchToy(), kind, severity, steps=steps, key="tactile", **options)


def truth(steps):
    env = TouchToy()
    shown = [env.reset(seed=0)[0]["tactile"]]
    return np.array(shown + [env.step(np.zeros(2, np.float32))[0]["tactile"] for _ in range(steps)])


@pytest.mark.parametrize("kind", SHIFTS)
def test_they_keep_the_rules_of_shifts(kind):
    check_shift(kind, TouchToy(), steps=12)


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_task_without_touch_is_refused_in_one_line(toy, kind):
    with pytest.raises(UnsupportedShiftError, match="alters the modality 'tactile', which") as caught:
        kind(toy)

    assert "it has 'prop', 'vision'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_noise_has_the_stated_deviation():
    shown, _ = touch(TactileNoise, 0.4, 500)

    assert (shown - truth(500)).std() == pytest.approx(0.4, rel=0.03)


def test_a_bias_is_constant():
    shown, shift = touch(TactileBias, 0.4, 10, scale=2)
    errors = shown - truth(10)

    assert np.allclose(errors, errors[0], atol=1e-6)
    assert ((np.abs(errors[0]) >= 0.4 - 1e-6) & (np.abs(errors[0]) <= 0.8 + 1e-6)).all()
    assert shift.receipt().parameters["scale"] == {"scale": 0.8}


def test_components_are_lost_apart():
    shown, _ = touch(TactileDropout, 0.6, 400)
    lost = shown == 0.0
    together = np.corrcoef(lost[1:].T) - np.eye(TOUCH_SIZE)

    assert not lost[0].any()
    assert lost[1:].mean() == pytest.approx(0.342, abs=0.03)
    assert np.abs(together).max() < 0.25

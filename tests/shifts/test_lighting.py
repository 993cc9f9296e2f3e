import numpy as np
import pytest
from comparing import frames, mean_pixel_change, play_clean, play_shifted, receipt_of
from fdp_shifts.color import Color
from fdp_shifts.lighting import Lighting

from fdp_bench.api import ShiftConfigError
from fdp_bench.testing import check_shift
from fdp_bench.testing.play import same_observations

LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)
PARTS = ("all", "rgb", "intensity", "color", "direction")


@pytest.mark.parametrize("part", PARTS)
def test_the_shift_keeps_the_rules(toy, part):
    check_shift("lighting", toy, options={"part": part})


def test_states_under_the_same_actions_equal_the_clean_ones(lift):
    clean, shifted = play_clean(lift), play_shifted(lift, Lighting, 1.0)

    assert frames(clean).tobytes() != frames(shifted).tobytes()
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


def test_the_light_is_clean_again_without_the_shift(lift):
    clean = play_clean(lift)
    play_shifted(lift, Lighting, 1.0, seed=3)

    assert same_observations(clean, play_clean(lift))


@pytest.mark.parametrize("part", ["all", "rgb", "intensity", "direction"])
def test_more_severity_changes_more_pixels(lift, part):
    changes = [mean_pixel_change(lift, Lighting, severity, part=part) for severity in LEVELS]

    assert changes == sorted(set(changes))


def test_at_level_3_the_brightest_light_fills_robot_colosseums_range(lift):
    model = lift.unwrapped.scene.model
    drawn = []
    for seed in range(25):
        stated = receipt_of(lift, Lighting, 0.6, seed=seed, part="rgb").parameters["rgb"]
        np.testing.assert_allclose(model.light_diffuse[0], stated, atol=1e-6)
        drawn.append(stated)

    assert np.min(drawn) >= 0.0
    assert np.max(drawn) <= 0.5
    assert (np.ptp(drawn, axis=0) > 0.4).all()


def test_at_level_5_next_to_nothing_is_seen(lift):
    shifted = frames(play_shifted(lift, Lighting, 1.0, steps=0))

    assert shifted.mean() < 15.0


def test_the_headlight_is_dimmed_alike(lift):
    headlight = lift.unwrapped.scene.model.vis.headlight
    rgb = np.array(receipt_of(lift, Lighting, 1.0, part="rgb").parameters["rgb"])

    np.testing.assert_allclose(headlight.diffuse / 0.4, rgb / 0.7, rtol=1e-5)


def test_intensity_has_no_colour_and_colour_no_intensity(lift):
    intensity, color, both = (
        np.array(receipt_of(lift, Lighting, 0.6, part=part).parameters["rgb"])
        for part in ("intensity", "color", "rgb")
    )

    assert np.ptp(intensity) < 1e-6
    assert intensity.mean() == pytest.approx(both.mean())
    assert color.mean() == pytest.approx(0.7)
    np.testing.assert_allclose(color / color.sum(), both / both.sum())


def test_light_comes_from_where_the_receipt_says_and_never_from_below(lift):
    model = lift.unwrapped.scene.model
    lift.reset(seed=0)
    clean = model.light_dir[0].copy()
    for seed in range(8):
        for severity in (0.4, 1.0):
            stated = receipt_of(lift, Lighting, severity, seed=seed, part="direction").parameters["direction"]
            turned = np.arccos(np.clip(model.light_dir[0] @ clean, -1.0, 1.0))
            assert model.light_dir[0][2] <= -np.sin(np.radians(10.0)) + 1e-9
            assert np.linalg.norm(model.light_dir[0]) == pytest.approx(1.0)
            # Turned about an axis that is not at right angles to it, a direction moves by less.
            assert 0.0 < turned <= stated["tilt_rad"] + 1e-9
    assert stated["tilt_rad"] == pytest.approx(np.radians(75.0))


def test_dimming_by_two_shifts_multiplies(lift):
    model = lift.unwrapped.scene.model
    stated = np.array(receipt_of(lift, Color, 0.6, part="light").parameters["light"]["scale"])
    shift = Lighting(Color(lift, severity=0.6, part="light"), severity=0.2, part="rgb")
    shift.reset(seed=0)
    rgb = np.array(shift.receipt().parameters["rgb"])

    np.testing.assert_allclose(model.light_diffuse[0], rgb, rtol=1e-5)
    assert (rgb < 0.7 * stated).any()
    assert (model.light_diffuse[0] < 0.7).all()


def test_an_unknown_part_is_explained_in_one_line(toy):
    with pytest.raises(ShiftConfigError) as caught:
        Lighting(toy, part="directon")

    assert (
        str(caught.value)
        == "option part=directon of shift 'lighting' is not known; did you mean 'direction'?"
    )

import numpy as np
import pytest
from fdp_shifts.hues import AVOIDED_HUE_TURN, MIN_HUE_TURN, has_hue, hue_of, turn_clear_of
from hypothesis import given
from hypothesis import strategies as st

DRAWN = np.linspace(MIN_HUE_TURN, 1.0 - MIN_HUE_TURN, 400, endpoint=False)
turns = st.floats(MIN_HUE_TURN, 1.0 - MIN_HUE_TURN)
hues = st.floats(-1.0, 1.0, exclude_min=True, exclude_max=True)


def distance(hue, other):
    return abs((hue - other + 0.5) % 1.0 - 0.5)


@given(turns)
def test_without_a_hue_to_avoid_the_drawn_turn_is_kept_exactly(turn):
    assert turn_clear_of(turn, []) == turn


@given(turns, st.sampled_from([0.0, 0.096, -0.096, 0.1, 0.999]))
def test_a_hue_next_to_the_old_one_is_left_behind_by_every_turn(turn, avoided):
    assert turn_clear_of(turn, [avoided]) == turn


@given(turns, hues)
def test_the_new_hue_keeps_the_stated_distance_or_comes_no_nearer_than_the_old_one(turn, avoided):
    moved = turn_clear_of(turn, [avoided])

    assert MIN_HUE_TURN <= moved <= 1.0 - MIN_HUE_TURN
    assert distance(moved, avoided) >= min(AVOIDED_HUE_TURN, distance(0.0, avoided)) - 1e-9


@given(turns, st.floats(AVOIDED_HUE_TURN, 1.0 - AVOIDED_HUE_TURN), st.floats(0.0, 1.0))
def test_no_mix_of_the_old_colour_and_the_new_one_has_the_avoided_hue(turn, avoided, amount):
    # Of equal saturation and value, so that only the way round the circle decides.
    old, new = (
        np.clip(np.abs((hue * 6.0 + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0, 0.0, 1.0)
        for hue in (0.0, turn_clear_of(turn, [avoided]))
    )
    mix = (1.0 - amount) * old + amount * new

    assert not has_hue(mix) or distance(hue_of(mix), avoided) >= AVOIDED_HUE_TURN - 1e-9


@pytest.mark.parametrize("avoided", [0.3, 0.362, 0.5, 0.7])
def test_uniform_draws_stay_uniform_over_the_turns_that_are_left(avoided):
    moved = np.array([turn_clear_of(turn, [avoided]) for turn in DRAWN])

    assert (np.diff(moved) >= 0.0).all()
    assert np.ptp(moved) > 0.1
    # Evenly spaced, but for the gap where the turns to avoid were.
    steps = np.sort(np.diff(moved))
    assert steps[-2] < 0.003


def test_where_no_turn_keeps_clear_the_farthest_is_taken():
    # Of six hues all round the circle, the new one lies midway between two.
    avoided = [each / 6.0 + 1.0 / 12.0 for each in range(6)]
    moved = {turn_clear_of(turn, avoided) for turn in DRAWN}

    assert len(moved) <= 3
    for turn in moved:
        assert min(distance(turn, each) for each in avoided) == pytest.approx(1.0 / 12.0, abs=1e-3)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((0.5, 0.5, 0.5), False),
        ((0.05, 0.1, 0.02), False),
        ((0.66, 0.69, 0.68), False),
        ((0.3, 0.5, 0.3), True),
    ],
)
def test_grey_and_black_have_no_hue(rgb, expected):
    assert has_hue(np.array(rgb)) is expected

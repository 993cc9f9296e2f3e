from dataclasses import replace

import numpy as np
import pytest

from fdp_bench.demos.experts.grasp import CUBE_GRIP, GraspState
from fdp_bench.demos.experts.lead_in import DemonstrationExpert
from fdp_bench.demos.experts.lift import LiftExpert

CUBE = np.array([0.02, -0.01, 0.82])


def a_state(offset=(0.1, 0.0, 0.18), *, opening=0.04, cube_yaw=0.0):
    cos, sin = np.cos(cube_yaw), np.sin(cube_yaw)
    return GraspState(
        gripper_position=CUBE + np.array(offset),
        approach_axis=np.array([0.0, 0.0, -1.0]),
        finger_axis=np.array([1.0, 0.0, 0.0]),
        finger_opening=opening,
        cube_position=CUBE,
        cube_rotation=np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]),
    )


def follow(expert, state, steps):
    """A stand-in for arm and cube: 0.3 of a move asked for is done, and a cube between closed fingers goes along."""
    for _ in range(steps):
        action = expert.act(state)
        yield state, action
        opening = np.clip(state.finger_opening - 0.004 * action[6], 0.0, 0.04)
        move = 0.3 * 0.05 * action[:3].astype(float)
        enclosed = np.abs(state.gripper_position - state.cube_position).max() < 0.02
        held = enclosed and opening <= 0.021
        yaw = np.arctan2(state.finger_axis[1], state.finger_axis[0]) + 0.3 * 0.5 * action[5]
        state = replace(
            state,
            gripper_position=state.gripper_position + move,
            finger_axis=np.array([np.cos(yaw), np.sin(yaw), 0.0]),
            finger_opening=0.021 if held else float(opening),
            cube_position=state.cube_position + (move if held else 0.0),
        )


@pytest.mark.parametrize("seed", range(20))
def test_gripper_closes_only_around_the_cube_and_then_rises(seed):
    steps = list(follow(LiftExpert(np.random.default_rng(seed)), a_state(cube_yaw=0.5), 80))
    first = next(index for index, (_, action) in enumerate(steps) if action[6] > 0)
    state = steps[first][0]
    assert np.hypot(*(state.gripper_position - CUBE)[:2]) < 0.01
    assert abs(state.gripper_position[2] - CUBE[2]) < 0.025
    finger_yaw = np.arctan2(state.finger_axis[1], state.finger_axis[0])
    assert abs(finger_yaw - 0.5) < 0.2
    assert all(action[6] == 1.0 for _, action in steps[first:])
    assert steps[-1][0].cube_position[2] > CUBE[2] + 0.04


@pytest.mark.parametrize(
    ("offset", "cube_yaw", "closes"),
    [
        ((0.0, 0.0, 0.0), 0.0, True),
        ((0.015, 0.0, 0.0), 0.0, False),
        ((0.0, 0.015, 0.0), 0.0, False),
        ((0.0, 0.0, 0.025), 0.0, False),
        ((0.0, 0.0, 0.0), 0.3, False),
        ((0.0, 0.0, 0.0), np.pi / 2, True),
    ],
)
def test_gripper_closes_where_place_height_and_turn_fit(offset, cube_yaw, closes):
    action = LiftExpert(np.random.default_rng(0)).act(a_state(offset, cube_yaw=cube_yaw))
    assert action[6] == (1.0 if closes else -1.0)


@pytest.mark.parametrize("seed", range(20))
def test_gripper_stays_above_the_cube_until_it_is_aligned(seed):
    for state, _ in follow(LiftExpert(np.random.default_rng(seed)), a_state((0.1, 0.08, 0.18)), 60):
        to_cube = np.hypot(*(state.gripper_position - CUBE)[:2])
        if to_cube > 0.02:
            assert state.gripper_position[2] > CUBE[2] + 0.03


def test_gripper_does_not_stand_still_before_the_cube_is_lifted():
    for seed in range(10):
        for _, action in follow(LiftExpert(np.random.default_rng(seed)), a_state(), 50):
            # Opening or closing fingers move too, so only arm and command together would be a standstill.
            assert np.linalg.norm(action[:6]) > 0.02 or action[6] > 0


def test_actions_are_within_bounds_and_float32():
    for _, action in follow(LiftExpert(np.random.default_rng(3)), a_state((0.5, 0.5, 0.5)), 40):
        assert action.dtype == np.float32
        assert np.abs(action).max() <= 1.0


def test_fingers_closed_on_nothing_open_again():
    expert = LiftExpert(np.random.default_rng(0), closing=True)
    assert expert.act(a_state((0.0, 0.03, 0.05), opening=CUBE_GRIP.missed_opening_m + 0.001))[6] == 1.0
    assert expert.act(a_state((0.0, 0.03, 0.05), opening=CUBE_GRIP.missed_opening_m - 0.001))[6] == -1.0


def test_gripper_stays_up_while_its_fingers_are_shut():
    shut, opened = (LiftExpert(np.random.default_rng(1)) for _ in range(2))
    above = (0.0, 0.0, 0.05)
    for _ in range(20):  # Until the approach offset has faded.
        rising = shut.act(a_state(above, opening=0.01))[2]
        sinking = opened.act(a_state(above, opening=0.04))[2]
    assert rising > 0 > sinking


@pytest.mark.parametrize("side", [-1e-6, 1e-6])
def test_choice_between_two_equally_near_faces_is_kept(side):
    expert = LiftExpert(np.random.default_rng(0))
    turns = [
        expert.act(a_state(cube_yaw=np.pi / 4 + wobble))[5]
        for wobble in (side, -side, side, -side, side, -side)
    ]
    assert len({np.sign(turn) for turn in turns}) == 1


def test_same_stream_gives_the_same_actions():
    first, second = (
        [action for _, action in follow(DemonstrationExpert(np.random.default_rng(5)), a_state(), 60)]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_other_streams_give_other_trajectories():
    ends = [list(follow(LiftExpert(np.random.default_rng(seed)), a_state(), 15))[-1][0] for seed in range(5)]
    positions = np.array([state.gripper_position for state in ends])
    assert positions.std(axis=0).max() > 0.005


def test_lead_in_misses_and_ends_in_a_second_attempt_that_holds_the_cube():
    expert = DemonstrationExpert(np.random.default_rng(2), lead_in_share=1.0)
    leading, shut_openings = [], []
    for state, action in follow(expert, a_state(), 150):
        leading.append(expert.leading_in)
        if leading[-1] and action[6] > 0:
            shut_openings.append(state.finger_opening)
    assert leading[0]
    assert not leading[-1]
    assert sorted(leading, reverse=True) == leading
    assert min(shut_openings) < CUBE_GRIP.missed_opening_m
    assert state.cube_position[2] > CUBE[2] + 0.04


def test_share_of_lead_ins_is_kept():
    for share, low, high in ((0.0, 0, 0), (0.25, 70, 130), (1.0, 400, 400)):
        count = 0
        for seed in range(400):
            expert = DemonstrationExpert(np.random.default_rng(seed), lead_in_share=share)
            expert.act(a_state())
            count += expert.leading_in
        assert low <= count <= high

"""Stored actions lead to the recorded states and pictures: what moves a number is seen here first."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from .compare import (
    circumstances,
    moved_pictures,
    moved_states,
    other_bits,
    other_processor,
    other_rasterizer,
)
from .episodes import SHIFTED_TASK, TASKS, Played, play, visual_shifts
from .record import Golden, read


@cache
def played(task: str) -> tuple[Played, Golden]:
    """A task's episode, played once a process, and its record."""
    golden = read(task)
    return play(task, golden.actions), golden


def report(found: Played, golden: Golden, moved: Sequence[str]) -> None:
    """Fail with what moved and what it may come from."""
    if moved:
        pytest.fail("\n".join([*moved, circumstances(found, golden)]), pytrace=False)


@pytest.mark.parametrize("task", TASKS)
def test_both_steppers_lead_to_the_recorded_states(task):
    found, golden = played(task)
    moved = {stepper: moved_states(states, golden) for stepper, states in found.states.items()}
    report(found, golden, [f"{stepper} stepper: {text}" for stepper, text in moved.items() if text])


@pytest.mark.parametrize("task", TASKS)
def test_states_are_the_recorded_ones_bit_for_bit_on_the_recorded_processor(task):
    found, golden = played(task)
    if reason := other_processor(golden):
        pytest.skip(reason)
    report(found, golden, [text for text in [other_bits(found.states["compiled"], golden)] if text])


@pytest.mark.parametrize("task", TASKS)
def test_cameras_show_the_recorded_pictures(task):
    found, golden = played(task)
    if reason := other_rasterizer(golden):
        pytest.skip(reason)
    report(found, golden, list(moved_pictures(found, golden)))


@pytest.mark.parametrize("task", TASKS)
def test_records_hold_a_grasp_of_at_least_twenty_control_steps(task):
    golden = read(task)
    fingers = [
        index for index, name in enumerate(golden.state_names) if "finger" in name and "velocity" not in name
    ]
    assert len(golden.actions) >= 20
    assert len(golden.states) == len(golden.actions) + 1
    assert np.abs(np.diff(golden.states[:, fingers], axis=0)).max() > 1e-3


def test_every_visual_shift_is_recorded():
    assert set(visual_shifts()) < set(read(SHIFTED_TASK).pictures)

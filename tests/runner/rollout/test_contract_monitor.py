"""Plugins that break their word: each is recorded on the episode, by name, and nobody else's episode suffers."""

import gymnasium
import numpy as np
import pytest
from fake_tasks import LYING_TASK
from rollout_helper import comparable, roll_out, specs

from fdp_bench.runner.rollout.contract_monitor import ObservationCheck

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("faulty?how=inf", "act returned actions that are not finite"),
        ("faulty?how=dtype", "act returned dtype <U32; float32 is needed"),
    ],
)
def test_actions_that_are_none_are_the_policys_error(policy, why):
    records, _ = roll_out(specs(6, policy=policy))

    errors = {record.error for record in records.values() if record.status == "error"}

    assert errors == {f"policy {policy!r}: {why}"}


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("state", "changes the initial state"),
        ("seed", "resets the task with seed"),
        ("dynamics", "changes the model's dynamics"),
        ("late", "changes the model's dynamics"),
    ],
)
def test_a_shift_that_touches_the_dynamics_is_named(how, why):
    shift = f"meddler@1?how={how}"
    clean = comparable(roll_out(specs(4, policy="blind"))[0])

    records, _ = roll_out(specs(2, policy="blind", shift=shift) + specs(4, policy="blind"), lanes=1)

    for record in records.values():
        if record.spec.shift == "clean":
            assert record.comparable() == clean["blind", "clean", record.spec.index]
        else:
            assert record.status == "error"
            assert not record.success_once
            assert record.error.startswith(f"shift '{record.spec.shift}': {why}")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("nan", "'prop' holds numbers that are not finite"),
        ("dtype", "'prop' is float64; its space says float32"),
        ("shape", "'prop' has shape (1,); its space says (2,)"),
    ],
)
def test_an_observation_that_a_shift_spoils_is_the_shifts_error(how, why):
    records, _ = roll_out(specs(2, policy="blind", shift=f"dim@1+meddler@1?how={how}"))

    assert {record.error for record in records.values()} == {
        f"shift 'dim@1+meddler@1?how={how}': observation {why}"
    }
    assert {record.steps for record in records.values()} == {5}


@pytest.mark.parametrize("shift", ["clean", "dim@1"])
def test_an_observation_that_the_task_spoils_is_the_tasks_error(shift):
    records, _ = roll_out(specs(8, task=LYING_TASK, policy="blind", shift=shift))
    errors = [record for record in records.values() if record.status == "error"]

    assert 0 < len(errors) < 8
    for record in errors:
        assert record.error.startswith(f"task {LYING_TASK!r}: observation 'prop' is 9.")
        assert record.steps == 3


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (np.array([0.5, -1.0], np.float32), ""),
        (np.array([0.5, -1.0], np.float16), ""),
        (np.array([1.001, 0.0], np.float32), ""),
        (np.array([1.01, 0.0], np.float32), "is 1.01 at [0]; its space says [-1, 1]"),
        (np.array([0.0, np.inf], np.float32), "not finite"),
        (np.array([0, 1], np.int64), "is int64"),
        (np.zeros((2, 1), np.float32), "has shape (2, 1)"),
    ],
)
def test_an_observation_is_held_against_its_space(value, fault):
    space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)})

    found = ObservationCheck(space).fault({"a": value, "unknown": value})

    assert fault in found
    assert bool(fault) == bool(found)


def test_bounds_without_end_hold_everything_finite():
    space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)})

    assert ObservationCheck(space).fault({"a": np.array([3e38], np.float32)}) == ""


def test_spaces_of_other_kinds_are_asked_themselves():
    space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Discrete(3)})

    assert ObservationCheck(space).fault({"a": np.int64(2)}) == ""
    assert "outside" in ObservationCheck(space).fault({"a": np.int64(3)})


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (np.zeros((2, 2, 3), np.uint8), ""),
        (np.zeros((2, 2, 3), np.float32), "is float32; its space says uint8"),
        (np.zeros((2, 2), np.uint8), "has shape (2, 2)"),
    ],
)
def test_frames_are_held_against_their_form(value, fault):
    space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Box(0, 255, (2, 2, 3), np.uint8)})

    assert fault in ObservationCheck(space).fault({"a": value})
    assert bool(fault) == bool(ObservationCheck(space).fault({"a": value}))

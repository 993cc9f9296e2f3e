"""Demonstrations that a policy is asked along: those that do not fit are refused in one line."""

import dataclasses

import numpy as np
import pytest
from inspectors import Arrow

from fdp_bench.api import DatasetError, TaskInfo
from fdp_bench.demos.dataset import Demonstration
from fdp_bench.diagnose.decisions import decisions_along

TASK = TaskInfo(
    task_id="mine/Reach-v0",
    modalities={"prop": ("prop",), "vision": ("image.front",)},
    observation_shapes={"prop": (2,), "image.front": (8, 8, 3)},
    action_dim=2,
    horizon=9,
    control_hz=20.0,
)


def demonstration(side=8):
    return Demonstration(
        "demo_0",
        np.zeros((5, 2), np.float32),
        {"image.front": np.zeros((5, side, side, 3), np.uint8)},
        np.zeros((5, 2), np.float32),
    )


def test_a_policy_is_asked_along_demonstrations_of_its_tasks_shapes():
    found = decisions_along([demonstration()] * 2, "reach.npz", Arrow(), TASK, 0)

    assert len(found.episodes) == 2
    assert found.episodes[0][0].observation["image.front"].shape[1:] == (8, 8, 3)


@pytest.mark.parametrize(
    ("demos", "why"),
    [
        ([demonstration(9)] * 2, r"'image.front' of shape \(9, 9, 3\), and mine/Reach-v0 shows \(8, 8, 3\)"),
        ([dataclasses.replace(demonstration(), images={})] * 2, "holds no 'image.front'"),
        ([demonstration()], r"swapping senses takes two; record more with fdp_bench\.demos\.record"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_do(demos, why):
    with pytest.raises(DatasetError, match=why) as refused:
        decisions_along(demos, "reach.npz", Arrow(), TASK, 0)
    assert "\n" not in str(refused.value)

"""The runner on the real task: physics, frames and shifts of several lanes in one process."""

import pytest
from rollout_helper import comparable, roll_out, specs

LIFT = "fdp_bench/Lift-v1"

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.mark.slow
def test_lanes_neither_see_nor_move_one_another():
    episodes = [
        *specs(2, task=LIFT),
        *specs(2, task=LIFT, shift="distractors@5+occlusion"),
        *specs(1, task=LIFT, shift="color@4"),
    ]

    records = roll_out(episodes, lanes=3)[0]

    assert {record.error for record in records.values()} == {""}
    assert comparable(records) == comparable(roll_out(episodes, lanes=1)[0])

"""The runner on every robosuite task: a shift that keeps the rules is accused of nothing, and moves nothing."""

import pytest
from rollout_helper import roll_out, specs


@pytest.mark.parametrize("task", ["Can", "Stack", "Square", "Door"])
def test_shifted_episodes_of_a_policy_that_does_not_look_are_the_clean_ones(task):
    shifts = ("clean", "occlusion@3", "prop_bias@3")
    task_id = f"fdp_bench/{task}-v1"

    records, _ = roll_out(
        [spec for shift in shifts for spec in specs(2, task=task_id, policy="random", shift=shift)], lanes=1
    )

    assert {record.error for record in records.values()} == {""}
    for index in range(2):
        moved = [
            (record.steps, record.success_once, record.safety)
            for record in (records["random", shift, index] for shift in shifts)
        ]
        assert moved[1:] == moved[:-1]

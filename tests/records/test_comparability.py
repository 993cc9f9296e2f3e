"""Differences between two runs, one rule after the other; what is done about them is tested with the callers."""

import pytest

from fdp_bench.records import Manifest
from fdp_bench.records.comparability import (
    checkout_differences,
    condition_differences,
    config_differences,
    plugin_differences,
    rule_differences,
    shard_differences,
    version_differences,
)
from fdp_bench.runner.config import RunConfig

TASK = {"task_id": "fdp_bench/Lift-v1", "profile": "fast", "horizon": 200, "control_hz": 20.0}
CONFIG = RunConfig(task="fdp_bench/Lift-v1", policies=("dp-dit",), shifts=("color@3",)).to_json()


def run(**facts):
    return Manifest("m", "complete", "", facts.pop("config", CONFIG), 0, **{"task": TASK, **facts})


def names(differences):
    return [each.name for each in differences]


@pytest.mark.parametrize("differences", [rule_differences, shard_differences])
def test_equal_runs_differ_in_nothing(differences):
    assert differences(run(), run()) == []


def test_a_version_that_one_run_does_not_state_is_no_difference():
    old, new = {"mujoco": "3.9.0"}, {"mujoco": "3.9.0", "pillow": "12.0.0"}

    assert version_differences(old, new) == version_differences(new, old) == []
    assert names(version_differences(new, {**new, "pillow": "13.0.0"})) == ["pillow"]


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"task": {**TASK, "task_id": "fdp_bench/Lift-v2"}}, "task version"),
        ({"task": {**TASK, "profile": "reference"}}, "task version"),
        ({"task": {**TASK, "map": {"prop": "state"}}}, "task map"),
        ({"task": {**TASK, "control_hz": 10.0}}, "success rule"),
        ({"protocol": {"success_rule": "success at the end"}}, "success rule"),
        ({"protocol": {"seed_protocol": "dice"}}, "seed protocol"),
    ],
)
def test_rules_of_an_episode_are_told_apart(facts, name):
    assert names(rule_differences(run(), run(**facts))) == [name]


def test_a_run_from_before_protocols_followed_the_first_one():
    said = {
        "success_rule": "success at any control step; an episode ends when it held for 10, or at the horizon",
        "seed_protocol": "seed-sequence/1",
    }

    assert rule_differences(run(), run(protocol=said)) == []


def test_what_moves_no_number_is_no_difference_of_configurations():
    other = {**CONFIG, "workers": 7, "lanes": 1, "videos": 2, "seed": 1, "episodes": 9}

    assert names(config_differences(CONFIG, other, apart_from=("episodes",))) == ["seed"]


def test_lists_read_from_a_file_equal_tuples():
    assert config_differences(CONFIG, {**CONFIG, "policies": ["dp-dit"]}) == []


def test_conditions_are_what_can_move_single_episodes():
    other = {**CONFIG, "device": "cuda", "batch_rows": 16, "act_timeout": 2.0, "seed": 5}

    assert names(condition_differences(CONFIG, other)) == ["device", "batch_rows", "act_timeout"]


def test_a_plugin_of_another_distribution_is_another_plugin():
    plugin = {"kind": "policy", "name": "noisy", "distribution": "mine", "version": "1.0"}
    (moved,) = plugin_differences([plugin], [{**plugin, "distribution": "theirs"}])

    assert str(moved) == "policy noisy is 'mine 1.0' and 'theirs 1.0'"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({}, {}, []),
        ({"commit": "a", "dirty": False}, {}, ["git commit", "git dirty"]),
        ({"commit": "a", "dirty": True}, {"commit": "a", "dirty": True, "changes": "x"}, []),
        (
            {"commit": "a", "dirty": True, "changes": "y"},
            {"commit": "a", "dirty": True, "changes": "x"},
            ["git changes"],
        ),
    ],
    ids=["installed", "installed-and-checkout", "older-run", "changed-differently"],
)
def test_checkouts_are_told_apart(first, second, found):
    assert names(checkout_differences(first, second)) == found


def test_shards_share_plan_weights_task_versions_and_source():
    policy = {"spec": "dp-dit", "sha256": "aa", "sampler": "ddim"}
    ours = run(
        shard={"number": 1, "count": 2}, policies=[policy], versions={"numpy": "1"}, git={"commit": "a"}
    )
    theirs = run(
        shard={"number": 2, "count": 3},
        policies=[{**policy, "sha256": "bb"}],
        versions={"numpy": "2"},
        git={"commit": "b"},
        config={**CONFIG, "noise_seed": 1},
        task={**TASK, "horizon": 300},
        machine={"cpu": "another"},
    )

    assert names(shard_differences(ours, theirs)) == [
        "number of shards", "policy dp-dit sha256", "task horizon", "noise_seed", "version of numpy", "git commit",
    ]  # fmt: skip

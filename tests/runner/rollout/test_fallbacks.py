"""Decisions that a policy leaves to a fallback: kept row by row, whoever asks, and a share of each episode."""

import numpy as np
import pytest
from fake_policies import Doubtful
from rollout_helper import comparable, roll_out, specs

from fdp_bench.api import PolicySpec
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy, PolicyError
from fdp_bench.toy import ToyEnv

pytestmark = pytest.mark.usefixtures("fakes")
TASK = ToyEnv().task_info


def ask(rows, **options):
    """Ask about rows whose gripper is right of the middle where the number is odd."""
    policy = BatchedPolicy(Doubtful(PolicySpec("doubtful", options=options), TASK), TASK, 4)
    seen, noises = {}, {}
    for row in rows:
        side = np.array([0.1 if row % 2 else -0.1, 0.0], np.float32)
        seen[row] = {key: np.zeros((2, *shape), np.float32) for key, shape in TASK.observation_shapes.items()}
        seen[row]["prop"] = np.tile(np.resize(side, TASK.observation_shapes["prop"]), (2, 1))
        noises[row] = np.zeros(policy.noise_shape, np.float32)
    return policy.act(seen, noises)[0], policy


def test_fallbacks_are_told_of_the_rows_that_asked_alone():
    _, policy = ask([0, 3])

    assert policy.fallbacks == {0: False, 3: True}


def test_where_a_batch_raises_the_rows_that_were_answered_keep_theirs():
    answers, policy = ask([0, 1, 2], how="raise")

    assert isinstance(answers[1], PolicyError)
    assert policy.fallbacks == {0: False, 2: False}


def test_fallbacks_of_another_shape_are_every_askers_error():
    answers, policy = ask([0, 1], how="shape")

    assert all("fallbacks returned shape (1,); (4,) is needed" in str(each) for each in answers.values())
    assert policy.fallbacks == {}


def test_a_record_holds_the_share_of_an_episodes_decisions():
    records, _ = roll_out(specs(8, policy="doubtful"))

    shares = [record.fallback_share for record in records.values()]
    decisions = [len(record.latency_ms) for record in records.values()]
    assert all(round(share * number, 9).is_integer() for share, number in zip(shares, decisions, strict=True))
    assert min(shares) < max(shares)


def test_a_policy_without_a_fallback_has_no_share():
    records, _ = roll_out(specs(2, policy="watcher"))

    assert {record.fallback_share for record in records.values()} == {None}


@pytest.mark.parametrize("lanes", [1, 3])
def test_shares_depend_on_no_lane(lanes):
    some, all_lanes = (roll_out(specs(5, policy="doubtful"), lanes=number)[0] for number in (lanes, 4))

    assert comparable(some) == comparable(all_lanes)

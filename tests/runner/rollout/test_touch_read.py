"""On the real task: touch is read where a policy or a shift reads it, and nowhere else."""

import numpy as np
import pytest
from rollout_helper import specs

from fdp_bench.api import INITIAL_STATE, SHIFT, stream_int
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy
from fdp_bench.runner.rollout.episode import Episode, PicturePaths
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import build_policy
from fdp_bench.specs import parse_policy

LIFT = "fdp_bench/Lift-v1"

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture(scope="module")
def lane():
    lane = Lane(LIFT, "fast")
    yield lane
    lane.close()


def begin(lane, shift, *senses):
    policy = build_policy(parse_policy("watcher"), lane.task, "cpu")
    policy.modalities = senses
    batched = BatchedPolicy(policy, lane.task, 1)
    spec = specs(1, task=LIFT, shift=shift)[0]
    episode = Episode(spec, lane.environment(shift), lane.task, batched, PicturePaths())
    episode.reset()
    return episode, batched


@pytest.mark.parametrize(
    ("shift", "senses", "is_read"),
    [
        ("clean", ("prop",), False),
        ("prop_bias", ("prop",), False),
        ("clean", ("prop", "tactile"), True),
        ("tactile_bias", ("prop",), True),
        ("prop_bias+tactile_noise", ("prop",), True),
    ],
)
def test_touch_is_computed_only_where_it_is_read(lane, shift, senses, is_read):
    episode, _ = begin(lane, shift, *senses)
    episode.advance(np.zeros((1, 7), np.float32))

    assert lane.base.unwrapped.read_touch == is_read
    assert episode._error == ""


@pytest.mark.parametrize(
    "shift", ["clean", "tactile_noise@3", "tactile_bias@5", "tactile_dropout@4", "tactile_noise@2+prop_bias"]
)
def test_a_policy_reads_the_touch_that_the_environment_shows(lane, shift):
    episode, policy = begin(lane, shift, "prop", "tactile")
    read, actions = [], []
    for _ in range(2):
        read.append(episode.observation())
        answer = policy.act({0: read[-1]}, {0: episode.noise(policy.noise_shape)})[0][0]
        actions.extend(answer)
        episode.advance(answer)
    assert episode._error == ""
    if "tactile" in shift:
        assert "tactile" in str(episode._receipt["shift"])
        parts = episode._receipt.get("parts", [episode._receipt])
        assert all(part["status"] == "applied" and part["parameters"] for part in parts)

    env = lane.environment(shift)
    options = {"shift_seed": stream_int(0, 0, SHIFT)}
    shown = [env.reset(seed=stream_int(0, 0, INITIAL_STATE), options=options)[0]]
    shown += [env.step(action)[0] for action in actions]
    for number, observation in enumerate(read):
        for place, step in ((-1, 8 * number), (0, max(8 * number - 1, 0))):
            for key in ("prop", "tactile"):
                np.testing.assert_array_equal(observation[key][place], shown[step][key], err_msg=key)

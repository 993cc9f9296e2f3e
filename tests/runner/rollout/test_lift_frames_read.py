"""On the real task: what a policy is shown while unread frames are skipped, against `env.step` drawing all."""

import numpy as np
import pytest
from rollout_helper import specs

from fdp_bench.api import INITIAL_STATE, SHIFT, image_keys, stream_int
from fdp_bench.plugins import load_shift, shift_plugins
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy
from fdp_bench.runner.rollout.environment import frame_lags
from fdp_bench.runner.rollout.episode import Episode, PicturePaths
from fdp_bench.runner.rollout.frame_schedule import FrameSchedule
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import build_policy
from fdp_bench.specs import parse_policy

LIFT = "fdp_bench/Lift-v1"
DECISIONS = 3
#: Each shift of the package, each way of it that has a clock of its own, and some together.
SHIFTS = (
    "clean",
    "color@4",
    "distractors@3",
    "occlusion@3",
    "occlusion@3?kind=intermittent",
    "occlusion@4?kind=camera",
    "color+distractors@2+occlusion?kind=intermittent",
    "noise@3",
    "blur@3",
    "jpeg@3",
    "brightness@3",
    "contrast@3",
    "frame_drop@3",
    "frame_delay@2",
    "frame_delay@1+noise@1",
    "prop_noise@3",
    "prop_bias@3",
    "prop_drift@3",
    "prop_delay@3",
    "prop_dropout@3",
    "prop_freeze@3",
    "camera_pose@3",
    "lighting@3",
    "texture@3",
)

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture(scope="module")
def lane():
    lane = Lane(LIFT, "fast")
    yield lane
    lane.close()


def played(lane, shift):
    """What the policy read at each decision, the actions that it gave, and how often the cameras were drawn."""
    policy = BatchedPolicy(build_policy(parse_policy("watcher"), lane.task, "cpu"), lane.task, 1)
    episode = Episode(
        specs(1, task=LIFT, shift=shift)[0], lane.environment(shift), lane.task, policy, PicturePaths()
    )
    episode.reset()
    draw, drawn = lane.base.unwrapped.scene.frames, []
    lane.base.unwrapped.scene.frames = lambda keys: drawn.append(keys) or draw(keys)
    read, actions = [], []
    try:
        for _ in range(DECISIONS):
            read.append(episode.observation())
            answer = policy.act({0: read[-1]}, {0: episode.noise(policy.noise_shape)})[0][0]
            actions.extend(answer)
            episode.advance(answer)
    finally:
        del lane.base.unwrapped.scene.frames
    assert episode._error == ""
    return read, actions, len(drawn)


def all_shown(lane, shift, actions):
    """Each observation of the public environment under the same actions."""
    env = lane.environment(shift)
    env.unwrapped.draw_images = True
    options = {"shift_seed": stream_int(0, 0, SHIFT)}
    shown = [env.reset(seed=stream_int(0, 0, INITIAL_STATE), options=options)[0]]
    return shown + [env.step(action)[0] for action in actions]


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_policy_reads_the_frames_of_an_environment_that_draws_all(lane, shift):
    read, actions, drawn = played(lane, shift)
    shown = all_shown(lane, shift, actions)

    for number, observation in enumerate(read):
        for lag, place in ((0, -1), (1, 0)):
            step = max(8 * number - lag, 0)
            for key in ("prop", *image_keys(shown[0])):
                np.testing.assert_array_equal(observation[key][place], shown[step][key], err_msg=key)
    schedule = FrameSchedule(n_obs_steps=2, n_action_steps=8, lags=frame_lags(lane.environment(shift)))
    assert drawn == sum(schedule.draws(step) for step in range(1, 8 * DECISIONS + 1))
    assert drawn == 2 * DECISIONS or "frame_" in shift


def test_every_shift_of_the_package_is_covered():
    own = [name for name, plugin in shift_plugins().items() if plugin.distribution == "fdp-bench"]
    own = [name for name in own if load_shift(name).modality in ("vision", "prop")]

    assert [name for name in own if not any(shift.startswith(name) for shift in SHIFTS)] == []

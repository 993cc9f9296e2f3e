import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from fdp_bench.toy import TOY_TASK, ToyEnv


def test_gymnasium_finds_no_fault_with_it():
    check_env(gymnasium.make(TOY_TASK, disable_env_checker=True).unwrapped, skip_render_check=True)


def test_a_straight_push_reaches_the_target_and_ends_when_success_was_held():
    env = ToyEnv()
    env.reset(seed=0)
    terminated, steps = False, 0
    while not terminated:
        way = env.target - env.gripper
        _, _, terminated, truncated, info = env.step(np.clip(way / 0.03, -1, 1).astype(np.float32))
        steps += 1
        assert not truncated
    assert info == {"success": True, "success_held": True}
    assert steps >= 10


def test_it_draws_what_segmentation_says():
    env = ToyEnv()
    frame = env.reset(seed=1)[0]["image.front"]
    target = env.scene.segmentation("image.front") == 1

    assert (frame[target][:, 0] > 2 * frame[target][:, 1]).all()
    u, v = env.scene.project("image.front", env.scene.target_position)
    assert target[int(v * 32), int(u * 32)]


def test_frames_are_left_out_on_demand():
    env = ToyEnv()
    env.draw_images = False

    assert env.reset(seed=0)[0].keys() == {"prop"}

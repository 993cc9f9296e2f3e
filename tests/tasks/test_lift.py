"""The Lift environments: spaces, observations, episodes' ends."""

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import fdp_bench  # noqa: F401 (registers the tasks)
from fdp_bench.api import image_keys
from fdp_bench.api.episode import HOLD_STEPS
from fdp_bench.api.errors import SpecError
from fdp_bench.sim.scene import CAMERAS
from fdp_bench.tasks.lift import HORIZON, LiftEnv

REST = np.zeros(7, np.float32)


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make("fdp_bench/Lift-v1", render_mode="rgb_array").unwrapped
    yield made
    made.close()


@pytest.fixture(scope="module")
def wide_env():
    made = gymnasium.make("fdp_bench/LiftWide-v1").unwrapped
    made.draw_images = False
    yield made
    made.close()


def cube_position(env):
    return env.robosuite_env.sim.data.get_joint_qpos("cube_joint0")[:3].copy()


def put_cube(env, height):
    data = env.robosuite_env.sim.data
    data.set_joint_qpos("cube_joint0", np.array([0.0, 0.3, height, 1.0, 0.0, 0.0, 0.0]))
    data.set_joint_qvel("cube_joint0", np.zeros(6))


@pytest.mark.parametrize("task", ["Lift", "LiftWide"])
@pytest.mark.filterwarnings("error")
def test_gymnasiums_checker_passes_without_a_warning(task):
    made = gymnasium.make(f"fdp_bench/{task}-v1", render_mode="rgb_array")
    check_env(made.unwrapped)
    made.close()


def test_observations_have_the_documented_keys_shapes_and_types(env):
    observation, info = env.reset(seed=0)
    assert {key: (value.shape, value.dtype.name) for key, value in observation.items()} == {
        "prop": ((16,), "float32"),
        "image.agentview": ((84, 84, 3), "uint8"),
        "image.wrist": ((84, 84, 3), "uint8"),
        "tactile": ((12,), "float32"),
    }
    assert env.observation_space.contains(observation)
    assert info == {"success": False, "success_held": False}


def test_all_bounds_are_finite(env):
    for space in env.observation_space.spaces.values():
        assert np.isfinite(space.low).all()
        assert np.isfinite(space.high).all()


def test_observations_stay_in_bounds_under_violent_actions(env):
    env.reset(seed=1)
    rng = np.random.default_rng(1)
    for _ in range(40):
        observation, *_ = env.step(np.sign(rng.uniform(-1.0, 1.0, 7)).astype(np.float32))
        assert env.observation_space.contains(observation)


def test_prop_equals_robosuites_own_proprioception_of_the_state(env):
    observation, _ = env.reset(seed=2)
    robot, data = env.robosuite_env.robots[0], env.robosuite_env.sim.data
    prop = observation["prop"]
    np.testing.assert_allclose(prop[:7], data.qpos[robot._ref_joint_pos_indexes], atol=1e-6)
    np.testing.assert_allclose(prop[7:10], data.get_site_xpos("gripper0_right_grip_site"), atol=1e-6)
    w, *xyz = data.get_body_xquat("robot0_right_hand")
    assert abs(np.dot(prop[10:14], [*xyz, w])) == pytest.approx(1.0, abs=1e-6)
    assert prop[10] >= 0.0
    np.testing.assert_allclose(prop[14:], data.qpos[robot._ref_gripper_joint_pos_indexes["right"]], atol=1e-6)


def test_prop_is_of_the_state_after_the_step_not_of_the_physics_step_before(env):
    env.reset(seed=2)
    for _ in range(5):
        observation, *_ = env.step(np.ones(7, np.float32))
    again = mujoco.MjData(env._model)
    again.qpos[:] = env.state()[1 : 1 + env._model.nq]
    mujoco.mj_kinematics(env._model, again)
    hand = again.site("gripper0_right_grip_site").xpos
    np.testing.assert_allclose(observation["prop"][7:10], hand, atol=1e-7)


def test_prop_holds_nothing_of_the_cube(env):
    observation, _ = env.reset(seed=3)
    env.robosuite_env.sim.data.set_joint_qpos("cube_joint0", np.array([0.1, 0.1, 0.9, 1.0, 0.0, 0.0, 0.0]))
    np.testing.assert_array_equal(env._observation()["prop"], observation["prop"])


def test_frames_show_the_state_after_the_control_step(env):
    env.reset(seed=4)
    for _ in range(5):
        observation, *_ = env.step(np.array([0.5, 0.5, -1.0, 0.0, 0.0, 0.0, 0.0], np.float32))
    redrawn = env.scene.frames(image_keys(observation))
    for key in CAMERAS:
        np.testing.assert_array_equal(observation[key], redrawn[key])


def test_without_draw_images_the_observation_leaves_the_cameras_out(env):
    env.draw_images = False
    observation, _ = env.reset(seed=5)
    stepped, *_ = env.step(REST)
    env.draw_images = True
    assert set(observation) == set(stepped) == {"prop", "tactile"}


def test_success_held_for_ten_control_steps_terminates(env):
    env.reset(seed=6)
    ends = []
    for _ in range(HOLD_STEPS):
        put_cube(env, height=1.0)
        _, reward, terminated, truncated, info = env.step(REST)
        assert (reward, info["success"], truncated) == (1.0, True, False)
        assert terminated == info["success_held"]
        ends.append(terminated)
    assert ends == [False] * (HOLD_STEPS - 1) + [True]


def test_an_interrupted_success_starts_counting_again(env):
    env.reset(seed=6)
    for step in range(HOLD_STEPS + 2):
        put_cube(env, height=0.82 if step == 4 else 1.0)
        _, reward, terminated, _, info = env.step(REST)
        assert info["success"] == (step != 4) == bool(reward)
        assert not terminated


def test_an_episode_is_truncated_at_the_horizon(env):
    env.draw_images = False
    env.reset(seed=7)
    flags = [env.step(REST)[2:4] for _ in range(HORIZON)]
    env.draw_images = True
    assert flags == [(False, False)] * (HORIZON - 1) + [(False, True)]
    assert env.task_info.horizon == HORIZON


@pytest.mark.parametrize("action", [np.zeros(6), np.full(7, np.nan), np.zeros((1, 7))])
def test_a_malformed_action_is_refused(env, action):
    with pytest.raises(ValueError, match="7 finite numbers"):
        env.step(action)


def test_an_unknown_profile_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match="did you mean 'fast'"):
        LiftEnv(profile="fats")


def test_an_unknown_stepper_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match="did you mean 'robosuite'"):
        LiftEnv(stepper="robosuit")


def test_robosuites_stepper_gives_the_same_episode_to_rounding(env):
    env.draw_images = False
    oracle = gymnasium.make("fdp_bench/Lift-v1", stepper="robosuite", draw_images=False).unwrapped
    for made in (env, oracle):
        made.reset(seed=9)
    for step in range(30):
        action = np.array([0.1, 0.1, -0.6, 0.0, 0.0, 0.2, 1.0 if step > 20 else -1.0], np.float32)
        observation, *outcome = env.step(action)
        expected, *expected_outcome = oracle.step(action)
        np.testing.assert_allclose(observation["prop"], expected["prop"], atol=1e-6)
        assert outcome == expected_outcome
    assert env.safety() == pytest.approx(oracle.safety(), rel=1e-6)
    assert env.safety()["peak_contact_force_n"] > 0.0
    oracle.close()
    env.draw_images = True


def test_render_draws_a_larger_picture(env):
    env.reset(seed=8)
    picture = env.render()
    assert picture.shape == (256, 256, 3)
    assert picture.std() > 10.0


def test_task_info_states_the_modalities_of_the_metadata(env):
    assert env.task_info.modalities == env.metadata["modalities"]
    assert env.task_info.modalities == {
        "prop": ("prop",),
        "vision": ("image.agentview", "image.wrist"),
        "tactile": ("tactile",),
    }
    assert env.task_info.task_id == "fdp_bench/Lift-v1"
    assert env.task_info.profile == "fast"


def test_lift_places_the_cube_where_robosuite_does_and_lift_wide_beyond(env, wide_env):
    env.draw_images = False
    for made, limit, beyond in ((env, 0.03, 0.02), (wide_env, 0.12, 0.09)):
        placed = []
        for seed in range(25):
            made.reset(seed=seed)
            placed.append(cube_position(made)[:2])
        assert np.abs(placed).max() <= limit
        assert (np.abs(placed).max(axis=0) > beyond).all()
    env.draw_images = True


def test_closing_twice_is_safe():
    made = LiftEnv()
    made.reset(seed=0)
    made.close()
    made.close()

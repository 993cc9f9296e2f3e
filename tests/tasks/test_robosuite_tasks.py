"""Can, Stack and their like against robosuite's own: states, success, pictures, resets."""

import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from robosuite_tasks import TASKS, make, make_robosuite, reset_robosuite

from fdp_bench.api import image_keys
from fdp_bench.api.episode import HOLD_STEPS
from fdp_bench.demos.experts.registry import EXPERTS

ROBOSUITE_KEYS = {"image.agentview": "agentview_image", "image.wrist": "robot0_eye_in_hand_image"}
TARGET, GRIPPER, DISTRACTOR = 1, 2, 3


@pytest.fixture(scope="module", params=TASKS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def env(name):
    made = make(name, render_mode="rgb_array")
    yield made
    made.close()


@pytest.fixture(scope="module")
def vanilla(name):
    made = make_robosuite(name)
    yield made
    made.close()


def episode(env, seed, steps=20):
    rng = np.random.default_rng(7)
    observation, _ = env.reset(seed=seed)
    taken = [(env.state(), observation)]
    for _ in range(steps):
        observation, *_ = env.step(rng.uniform(-1.0, 1.0, 7).astype(np.float32))
        taken.append((env.state(), observation))
    return taken


@pytest.mark.filterwarnings("error")
def test_gymnasiums_checker_passes_without_a_warning(env):
    check_env(env)


def test_resets_are_robosuites_bit_for_bit(env, vanilla):
    for seed in (0, 11):
        env.reset(seed=seed)
        reset_robosuite(vanilla, seed)
        np.testing.assert_array_equal(env.state(), vanilla.sim.get_state().flatten())
        np.testing.assert_array_equal(env._model.body_pos, vanilla.sim.model._model.body_pos)


def test_compiled_steps_agree_with_robosuites_to_rounding(env, vanilla, name):
    env.draw_images = False
    env.reset(seed=5)
    reset_robosuite(vanilla, 5)
    expert = EXPERTS[f"fdp_bench/{name}-v1"]
    acting = expert.make(np.random.default_rng(0))
    for _ in range(45):
        action = acting.act(expert.read(env.robosuite_env))
        _, reward, *_ = env.step(action)
        vanilla.step(action.astype(np.float64))
        assert reward == float(vanilla._check_success())
    env.draw_images = True
    # Objects that robosuite moved away fall and bounce out of sight; they take no part.
    arm = slice(0, 1 + 9)
    np.testing.assert_allclose(env.state()[arm], vanilla.sim.get_state().flatten()[arm], rtol=0.0, atol=1e-6)


def test_the_same_seed_gives_the_same_episode_whatever_came_before(env, name):
    fresh = make(name)
    expected = episode(fresh, 42)
    fresh.close()
    for state, (expected_state, expected_observation) in zip(episode(env, 42), expected, strict=True):
        np.testing.assert_array_equal(state[0], expected_state)
        for key, value in expected_observation.items():
            np.testing.assert_array_equal(state[1][key], value)


def test_prop_holds_nothing_of_the_objects(env):
    observation, _ = env.reset(seed=3)
    data = env.robosuite_env.sim.data
    for joint in range(env._model.njnt):
        if env._model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
            address = env._model.jnt_qposadr[joint]
            data.qpos[address : address + 3] += 0.05
    np.testing.assert_array_equal(env._observation()["prop"], observation["prop"])


@pytest.mark.slow
def test_reference_frames_equal_robosuites_flipped_upright(name):
    env = make(name, profile="reference")
    drawn = make_robosuite(
        name,
        use_camera_obs=True,
        camera_names=["agentview", "robot0_eye_in_hand"],
        camera_heights=84,
        camera_widths=84,
    )
    reset_robosuite(drawn, 3)
    observation, _ = env.reset(seed=3)
    drawn.sim._render_context_offscreen.gl_ctx.make_current()
    expected = drawn._get_observations(force_update=True)
    for key, robosuite_key in ROBOSUITE_KEYS.items():
        np.testing.assert_array_equal(observation[key], expected[robosuite_key][::-1])
    drawn.close()
    env.close()


def test_fast_frames_differ_little_from_reference_frames(env, name):
    reference = make(name, profile="reference")
    fast, _ = env.reset(seed=3)
    slow, _ = reference.reset(seed=3)
    reference.close()
    for key in ROBOSUITE_KEYS:
        difference = np.abs(fast[key].astype(int) - slow[key].astype(int))
        # Smoothed edges are what is missing; colours are the same.
        assert 0.0 < difference.mean() < 9.0
        assert np.abs(fast[key].mean(axis=(0, 1)) - slow[key].mean(axis=(0, 1))).max() < 4.0


def test_the_target_is_seen_where_it_is(env, name):
    env.reset(seed=4)
    data = env.robosuite_env.sim.data
    is_site = name == "Door"
    position = data.get_site_xpos("Door_handle") if is_site else data.get_body_xpos(TASKS[name][1])
    np.testing.assert_allclose(env.scene.target_position, position)
    segmentation = env.scene.segmentation("image.agentview")
    assert (segmentation == TARGET).sum() >= 10
    assert (segmentation == GRIPPER).sum() > 50
    u, v = env.scene.project("image.agentview", position)
    row, column = int(v * 84), int(u * 84)
    # A nut's centre is its hole.
    assert (segmentation[row - 3 : row + 4, column - 3 : column + 4] == TARGET).any()


@pytest.mark.parametrize("part", ["object", "table", "floor", "robot"])
def test_every_part_can_be_painted_and_a_reset_restores_it(env, part):
    clean, _ = env.reset(seed=4)
    env.scene.tint_part(part, np.array([0.1, 0.9, 0.2]), amount=1.0)
    painted = env.scene.frames(image_keys(clean))
    restored, _ = env.reset(seed=4)
    assert any((painted[key] != clean[key]).any() for key in painted)
    for key, frame in clean.items():
        np.testing.assert_array_equal(restored[key], frame)


def test_six_distractors_find_a_place_and_leave_the_trajectory_alone(env):
    from fdp_shifts.distractors import Distractors

    shifted = Distractors(env, severity=1.0)
    for seed in range(4):
        clean = [state for state, _ in episode(env, seed, steps=5)]
        rng = np.random.default_rng(7)
        shifted.reset(seed=seed)
        assert (env.scene.segmentation("image.agentview") == DISTRACTOR).sum() > 30
        for state in clean[1:]:
            shifted.step(rng.uniform(-1.0, 1.0, 7).astype(np.float32))
            np.testing.assert_array_equal(env.state(), state)


def test_no_distractor_looks_like_the_target(env, name):
    slots = env.scene.distractor_slots
    assert len(slots) == 6
    assert name != "Can" or "can_0" not in slots


def test_the_expert_ends_the_episode_with_success_held(env, name):
    env.draw_images = False
    expert = EXPERTS[f"fdp_bench/{name}-v1"]
    env.reset(seed=1)
    acting = expert.make(np.random.default_rng(1))
    successes, terminated, truncated = [], False, False
    while not (terminated or truncated):
        _, reward, terminated, truncated, info = env.step(acting.act(expert.read(env.robosuite_env)))
        successes.append(bool(reward))
        assert info["success"] == bool(env.robosuite_env._check_success())
    env.draw_images = True
    assert terminated
    assert successes[-HOLD_STEPS:] == [True] * HOLD_STEPS
    assert not successes[0]
    assert env.safety()["peak_contact_force_n"] > 1.0


@pytest.mark.slow
def test_the_expert_succeeds_on_95_percent_of_200_seeds(name):
    from fdp_bench.demos.measure import measure_expert

    least = 0.90 if name == "Square" else 0.95
    assert measure_expert(f"fdp_bench/{name}-v1", seeds=200, seed=1)["success_rate"] >= least

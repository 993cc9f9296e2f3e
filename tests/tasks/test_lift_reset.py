"""Exact resets: an episode depends on its seed and its actions, and on nothing that came before."""

import numpy as np
import pytest

from fdp_bench.api import image_keys
from fdp_bench.tasks.lift import LiftEnv


@pytest.fixture(scope="module")
def fresh_env():
    """An environment whose first episode is the one asked for; made anew by whoever spoils it."""
    made = LiftEnv()
    yield made
    made.close()


@pytest.fixture(scope="module")
def used_env():
    """An environment behind several episodes of violent actions, one of them broken off in a grasp."""
    made = LiftEnv(draw_images=False)
    rng = np.random.default_rng(9)
    for seed in range(4):
        made.reset(seed=seed)
        for _ in range(30):
            made.step(np.sign(rng.uniform(-1.0, 1.0, 7)).astype(np.float32))
    made.scene.tint_part("table", np.array([0.0, 0.0, 1.0]), amount=1.0)
    made.scene.place_distractor("milk_0", xy=(0.2, 0.2), yaw=0.0)
    made.draw_images = True
    yield made
    made.close()


def episode(env, seed, steps=25):
    """States, proprioception and frames of an episode under actions drawn from a fixed stream."""
    rng = np.random.default_rng(123)
    observation, _ = env.reset(seed=seed)
    taken = [(env.state(), observation)]
    for _ in range(steps):
        observation, *_ = env.step(rng.uniform(-1.0, 1.0, 7).astype(np.float32))
        taken.append((env.state(), observation))
    return taken


def test_the_same_seed_gives_the_same_episode_in_a_fresh_and_a_used_environment(fresh_env, used_env):
    for (state, observation), (used_state, used_observation) in zip(
        episode(fresh_env, 42), episode(used_env, 42), strict=True
    ):
        np.testing.assert_array_equal(state, used_state)
        for key in observation:
            np.testing.assert_array_equal(observation[key], used_observation[key])


def test_the_warm_start_of_the_solver_is_forgotten(used_env):
    used_env.reset(seed=1)
    first = used_env.robosuite_env.sim.data.qacc_warmstart.copy()
    used_env.step(np.ones(7, np.float32))
    used_env.reset(seed=1)
    np.testing.assert_array_equal(used_env.robosuite_env.sim.data.qacc_warmstart, first)


def test_different_seeds_give_different_states(fresh_env):
    digests = set()
    for seed in range(5):
        fresh_env.reset(seed=seed)
        digests.add(fresh_env.state_sha256())
    assert len(digests) == 5


def test_a_reset_without_a_seed_goes_on_with_the_seeds_stream(fresh_env, used_env):
    digests = []
    for env in (fresh_env, used_env):
        env.reset(seed=3)
        env.reset()
        digests.append(env.state_sha256())
        env.reset(seed=3)
        assert env.state_sha256() != digests[-1]
    assert digests[0] == digests[1]


def test_the_cube_has_one_size(fresh_env, used_env):
    sizes = [env._model.geom("cube_g0").size for env in (fresh_env, used_env)]
    np.testing.assert_array_equal(*sizes)


def test_drawing_or_not_leaves_the_trajectory_alone(fresh_env):
    drawn = [state for state, _ in episode(fresh_env, 5, steps=10)]
    fresh_env.draw_images = False
    undrawn = [state for state, _ in episode(fresh_env, 5, steps=10)]
    fresh_env.draw_images = True
    np.testing.assert_array_equal(drawn, undrawn)


def test_changing_the_scene_changes_frames_and_not_the_trajectory(fresh_env):
    clean = episode(fresh_env, 6, steps=10)

    rng = np.random.default_rng(123)
    fresh_env.reset(seed=6)
    scene = fresh_env.scene
    scene.set_lights(diffuse_scale=np.array([0.5, 1.0, 0.2]), ambient_scale=np.ones(3))
    for part in scene.material_groups:
        scene.tint_part(part, np.array([0.2, 0.9, 0.1]), amount=0.7)
    for number, slot in enumerate(scene.distractor_slots):
        # In the middle of the workspace: they are seen, and nothing can touch them.
        scene.place_distractor(slot, xy=(0.02 * number, 0.0), yaw=number)
    for state, observation in clean[1:]:
        shifted, *_ = fresh_env.step(rng.uniform(-1.0, 1.0, 7).astype(np.float32))
        np.testing.assert_array_equal(fresh_env.state(), state)
        for key in image_keys(observation):
            assert (shifted[key] != observation[key]).mean() > 0.5

"""`tactile` in the tasks' observations: declared always, computed only where it is read, exact."""

import gymnasium
import numpy as np
import pytest

from fdp_bench.tasks import TASKS, describe


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make("fdp_bench/Lift-v1", draw_images=False).unwrapped
    yield made
    made.close()


def play(env, seed, steps=40):
    """Reach down and close, with noise: the cube and the table are touched."""
    env.reset(seed=seed)
    generator = np.random.default_rng(seed)
    felt, states = [env._observation()["tactile"]] if env.read_touch else [], [env.state_sha256()]
    for step in range(steps):
        action = generator.normal(0.0, 0.3, 7)
        action[2], action[6] = -1.0, -1.0 if step < 20 else 1.0
        observation, *_ = env.step(np.clip(action, -1.0, 1.0))
        felt += [observation["tactile"]] if env.read_touch else []
        states.append(env.state_sha256())
    return np.array(felt), states


@pytest.mark.parametrize("task_id", sorted(TASKS))
def test_every_task_declares_touch_and_reads_it_only_where_asked(task_id):
    info = describe(task_id)

    assert info.modalities["tactile"] == ("tactile",)
    assert info.observation_shapes["tactile"] == (12,)
    assert info.usual_modalities == ("prop", "vision")


def test_same_seed_same_touch_whatever_came_before(env):
    first, _ = play(env, 5)
    play(env, 6)
    again, _ = play(env, 5)
    fresh = gymnasium.make("fdp_bench/Lift-v1", draw_images=False).unwrapped
    anew, _ = play(fresh, 5)
    fresh.close()

    assert np.abs(first[:, 6:]).max() > 0.1
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, anew)


def test_reading_touch_does_not_touch_the_physics(env):
    _, felt = play(env, 7)
    env.read_touch = False
    _, unfelt = play(env, 7)
    env.read_touch = True

    assert felt == unfelt


def test_unread_touch_is_left_out_and_not_computed(env, monkeypatch):
    def computed():
        raise AssertionError("computed")

    monkeypatch.setattr(env._touch, "read", computed)
    monkeypatch.setattr(env._touch, "read_at_rest", computed)
    env.read_touch = False
    try:
        observation, _ = env.reset(seed=0)
        following, *_ = env.step(np.zeros(7))
    finally:
        env.read_touch = True

    assert "tactile" not in observation
    assert "tactile" not in following


def test_observations_handed_out_are_not_written_to_later(env):
    observation, _ = env.reset(seed=0)
    before = observation["tactile"].copy()
    env.step(np.ones(7))

    np.testing.assert_array_equal(observation["tactile"], before)


def test_touch_is_the_same_with_robosuites_own_step(env):
    oracle = gymnasium.make("fdp_bench/Lift-v1", stepper="robosuite", draw_images=False).unwrapped
    try:
        ours, _ = play(env, 8, steps=12)
        theirs, _ = play(oracle, 8, steps=12)
    finally:
        oracle.close()

    np.testing.assert_allclose(ours, theirs, atol=1e-6)

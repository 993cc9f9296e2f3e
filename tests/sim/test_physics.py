"""The physics against an environment made with robosuite alone."""

import gymnasium
import numpy as np
import pytest

from fdp_bench.sim.physics import MODEL_SEED, import_robosuite, make_lift, model_xml, reset_exactly
from fdp_bench.tasks.lift import LiftEnv


@pytest.fixture(scope="module")
def vanilla():
    """robosuite's Lift as its documentation makes it, observables and all."""
    env = import_robosuite().make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        control_freq=20,
        ignore_done=True,
        hard_reset=False,
        seed=MODEL_SEED,
    )
    yield env
    env.close()


def flat_state(robosuite_env):
    return robosuite_env.sim.get_state().flatten()


def reset_vanilla(env, seed):
    env.rng = env.placement_initializer.rng = np.random.default_rng(seed)
    env.reset()


def test_what_mujoco_warns_of_is_a_warning_and_no_file(vanilla, tmp_path, monkeypatch):
    import mujoco

    monkeypatch.chdir(tmp_path)
    data = mujoco.MjData(vanilla.sim.model._model)
    data.qpos[0] = np.nan
    with pytest.warns(RuntimeWarning, match="MuJoCo: Nan, Inf or huge value in QPOS"):
        mujoco.mj_step(vanilla.sim.model._model, data)

    assert list(tmp_path.iterdir()) == []


def test_states_equal_robosuites_own_bit_for_bit_with_its_stepper(vanilla):
    env = LiftEnv(draw_images=False, stepper="robosuite")
    env.reset(seed=11)
    inner_seed = gymnasium.utils.seeding.np_random(11)[0].integers(2**63)
    reset_vanilla(vanilla, inner_seed)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(env.state(), flat_state(vanilla))
    for step in range(40):
        # Down to the cube, then close: contacts are part of what must be equal.
        action = np.array([0.1, 0.1, -0.6, 0.0, 0.0, 0.0, 1.0 if step > 25 else -1.0])
        action = np.clip(action + 0.2 * rng.standard_normal(7), -1.0, 1.0).astype(np.float32)
        _, reward, *_ = env.step(action)
        _, vanilla_reward, _, _ = vanilla.step(action.astype(np.float64))
        np.testing.assert_array_equal(env.state(), flat_state(vanilla))
        assert reward == (vanilla_reward > 0.0)
    env.close()


def test_reset_depends_on_the_seed_alone():
    env = make_lift(0.03)
    reset_exactly(env, 5)
    first = flat_state(env)
    reset_exactly(env, 6)
    for _ in range(3):
        env.step(np.ones(7))
    reset_exactly(env, 5)
    np.testing.assert_array_equal(flat_state(env), first)
    env.close()


def test_the_model_equals_robosuites_model(vanilla):
    env = make_lift(0.03)
    assert model_xml(env) == model_xml(vanilla)
    env.close()

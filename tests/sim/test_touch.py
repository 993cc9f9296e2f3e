"""Touch against physics by hand and against MuJoCo's own sums, on the scenes where its values are known."""

import mujoco
import numpy as np
import pytest

from fdp_bench.sim.touch import FORCE_SCALE_N, SATURATION, TORQUE_SCALE_NM, TouchSensor
from fdp_bench.tasks.can import CanEnv
from fdp_bench.tasks.lift import LiftEnv

GRAVITY = 9.81
WRIST, TORQUE, LEFT, RIGHT = (slice(start, start + 3) for start in (0, 3, 6, 9))
OPEN, CLOSE = -1.0, 1.0


@pytest.fixture(scope="module")
def env():
    made = LiftEnv(draw_images=False)
    yield made
    made.close()


def sensor_to_world(env):
    return env._data.site_xmat[env._model.site("gripper0_right_ft_frame").id].reshape(3, 3)


def wrist_force_world(env, touch):
    return sensor_to_world(env) @ touch[WRIST] * FORCE_SCALE_N


def grip_position(env):
    return env._data.site_xpos[env._grip_site]


def move(env, target, *, grip, steps, turn=0.0):
    """Take the hand towards a place, m; returns what was felt last."""
    for _ in range(steps):
        delta = np.clip((np.asarray(target) - grip_position(env)) / 0.05, -1.0, 1.0)
        observation, *_ = env.step(np.array([*delta, turn, 0.0, 0.0, grip]))
    return observation["tactile"]


def cube(env):
    return env._data.body("cube_main").xpos.copy()


def grasp(env):
    env.reset(seed=0)
    above = cube(env) + np.array([0.0, 0.0, 0.05])
    move(env, above, grip=OPEN, steps=15)
    move(env, cube(env), grip=OPEN, steps=15)
    return move(env, cube(env), grip=CLOSE, steps=15)


def gripper_weight(env):
    return env._model.body("gripper0_right_right_gripper").subtreemass[0] * GRAVITY


def test_in_free_air_the_wrist_carries_the_gripper_and_nothing_else(env):
    env.reset(seed=0)
    touch = move(env, grip_position(env), grip=OPEN, steps=40)

    assert wrist_force_world(env, touch) == pytest.approx([0.0, 0.0, gripper_weight(env)], abs=0.01)
    assert not touch[LEFT].any()
    assert not touch[RIGHT].any()


def test_at_reset_an_arm_at_rest_is_felt_not_one_that_falls(env):
    observation, _ = env.reset(seed=3)

    weight = wrist_force_world(env, observation["tactile"])
    assert weight == pytest.approx([0.0, 0.0, gripper_weight(env)], abs=1e-5)
    # The torque of the gripper's weight about the sensor, N m.
    data, model = env._data, env._model
    body = model.body("gripper0_right_right_gripper").id
    lever = data.subtree_com[body] - data.site_xpos[model.site("gripper0_right_ft_frame").id]
    torque = sensor_to_world(env) @ observation["tactile"][TORQUE] * TORQUE_SCALE_NM
    assert torque == pytest.approx(np.cross(lever, weight), abs=1e-5)


def test_a_held_cube_is_squeezed_from_both_sides_as_hard_as_the_fingers_can(env):
    touch = grasp(env)

    left, right = touch[LEFT] * FORCE_SCALE_N, touch[RIGHT] * FORCE_SCALE_N
    limit = env._model.actuator("gripper0_right_gripper_finger_joint1").forcerange[1]
    assert np.linalg.norm(left) == pytest.approx(limit, rel=0.05)
    # Equal and opposite but for the weight of the cube, about 0.2 N.
    assert left[:2] + right[:2] == pytest.approx(np.zeros(2), abs=1.0)


def test_the_wrist_feels_the_weight_of_what_is_lifted(env):
    grasp(env)
    touch = move(env, grip_position(env) + np.array([0.0, 0.0, 0.1]), grip=CLOSE, steps=40)

    weight = gripper_weight(env) + env._model.body("cube_main").subtreemass[0] * GRAVITY
    assert cube(env)[2] > 0.88
    assert wrist_force_world(env, touch)[2] == pytest.approx(weight, abs=0.05)


def test_pressing_on_the_table_pushes_the_wrist_and_the_fingers_up(env):
    env.reset(seed=0)
    beside = cube(env) + np.array([0.0, 0.12, 0.0])
    move(env, beside, grip=CLOSE, steps=20)
    touch = move(env, beside - np.array([0.0, 0.0, 0.03]), grip=CLOSE, steps=20)

    to_world = sensor_to_world(env)
    fingers = to_world @ (touch[LEFT] + touch[RIGHT]) * FORCE_SCALE_N
    assert fingers[2] > 20.0
    # What the arm exerts on the gripper is its weight less what the table carries.
    carried = np.array([0.0, 0.0, gripper_weight(env)]) - fingers
    assert wrist_force_world(env, touch) == pytest.approx(carried, abs=1.0)


def by_cfrc_ext(env):
    """Forces of contacts on both fingers as MuJoCo sums them by body, shape (2, 3), N, world."""
    model, data = env._model, env._data
    mujoco.mj_rnePostConstraint(model, data)
    fingers = (
        ("gripper0_right_leftfinger", "gripper0_right_finger_joint1_tip"),
        ("gripper0_right_rightfinger", "gripper0_right_finger_joint2_tip"),
    )
    return np.array([sum(data.body(name).cfrc_ext[3:] for name in names) for names in fingers])


@pytest.mark.parametrize("kind", [LiftEnv, CanEnv])
def test_finger_forces_are_those_that_mujoco_sums_by_body(kind):
    env = kind(draw_images=False)
    try:
        env.reset(seed=1)
        generator = np.random.default_rng(0)
        target = env._data.xpos[env.scene._target].copy()
        touched = 0
        for step in range(80):
            delta = np.clip((target - grip_position(env)) / 0.05 + generator.normal(0, 0.3, 3), -1, 1)
            action = np.array([*delta, *generator.normal(0, 0.1, 3), OPEN if step < 30 else CLOSE])
            env._take_control_step(action)
            felt = TouchSensor(env._model, env._data)._finger_forces()
            touched += bool(felt.any())
            # Both fingers' tips touching each other cancel in neither sum.
            np.testing.assert_allclose(felt, by_cfrc_ext(env), atol=1e-9)
        assert touched > 20
    finally:
        env.close()


def test_readings_end_at_the_saturation(env):
    env.reset(seed=0)
    for _ in range(60):
        observation, *_ = env.step(np.array([0.0, 0.0, -1.0, 0.0, 0.0, 0.0, CLOSE]))
    env._data.sensordata[:] = 1e4

    assert env._touch.read()[WRIST].tolist() == [SATURATION] * 3
    assert env.observation_space["tactile"].contains(env._touch.read())
    assert np.abs(observation["tactile"]).max() <= SATURATION

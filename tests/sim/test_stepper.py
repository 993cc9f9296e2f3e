"""The compiled control step against robosuite's own."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fdp_bench.api.errors import SpecError
from fdp_bench.demos.experts.grasp import read_grasp_state
from fdp_bench.demos.experts.lift import LiftExpert
from fdp_bench.sim.physics import import_robosuite, make_lift, reset_exactly
from fdp_bench.sim.stepper import CompiledStepper, make_stepper


@pytest.fixture(scope="module")
def pair():
    """Two equal environments: the oracle, which steps itself, and the one that the compiled stepper steps."""
    oracle, ours = make_lift(0.12), make_lift(0.12)
    yield oracle, ours, CompiledStepper(ours)
    oracle.close()
    ours.close()


def state(env):
    return env.sim.get_state().flatten()


def reset_both(pair, seed):
    oracle, ours, _ = pair
    reset_exactly(oracle, seed)
    reset_exactly(ours, seed)


def robot_touches_something(env):
    bodies = [env.sim.model.body_id2name(body) for body in range(env.sim.model.nbody)]
    of_robot = np.array([name.startswith(("robot0_", "gripper0_", "fixed_mount0_")) for name in bodies])
    pairs = of_robot[env.sim.model.geom_bodyid[env.sim.data._data.contact.geom]]
    return bool(pairs.any())


def upward_action(rng, height):
    """Random, and away from the table where the hand is low."""
    action = rng.uniform(-1.0, 1.0, 7)
    action[2] = abs(action[2]) if height < 1.0 else action[2]
    return action


@pytest.mark.parametrize("seed", range(5))
def test_one_control_step_after_a_reset_agrees_to_1e_9(pair, seed):
    oracle, ours, step = pair
    reset_both(pair, seed)
    action = np.random.default_rng(seed).uniform(-1.0, 1.0, 7)
    oracle.step(action)
    step(action)
    np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("seed", [2, 4])
def test_200_random_control_steps_without_contact_agree(pair, seed):
    oracle, ours, step = pair
    reset_both(pair, seed)
    rng = np.random.default_rng(seed)
    start = state(ours)
    for _ in range(200):
        action = upward_action(rng, ours.sim.data.get_site_xpos("gripper0_right_grip_site")[2])
        oracle.step(action)
        step(action)
        assert not robot_touches_something(ours)
    # In robosuite alone, 1e-15 rad more at the start grow to 4e-9 with the second seed.
    np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-6)
    assert np.abs(state(ours) - start)[1:8].max() > 0.1


def test_a_whole_grasp_agrees(pair):
    oracle, ours, step = pair
    reset_both(pair, 7)
    expert = LiftExpert(np.random.default_rng(7))
    for _ in range(60):
        action = expert.act(read_grasp_state(oracle)).astype(np.float64)
        oracle.step(action)
        step(action)
    assert oracle._check_success()
    np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-6)


def test_a_rest_action_and_one_beyond_the_limits_agree(pair):
    oracle, ours, step = pair
    reset_both(pair, 8)
    for action in (np.zeros(7), np.full(7, 3.0), np.full(7, -3.0)):
        oracle.step(action)
        step(action)
        np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-9)


def test_an_arm_near_a_singularity_agrees(pair):
    oracle, ours, step = pair
    reset_both(pair, 9)
    stretched = np.array([0.0, 0.3, 0.0, -0.0698, 0.0, 0.4, 0.8])
    for env in (oracle, ours):
        env.sim.data.qpos[env.robots[0]._ref_joint_pos_indexes] = stretched
    for _ in range(5):
        action = np.array([1.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0])
        oracle.step(action)
        step(action)
    np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-8)


def test_what_others_read_of_the_environment_is_as_robosuite_leaves_it(pair):
    oracle, ours, step = pair
    reset_both(pair, 10)
    rng = np.random.default_rng(10)
    for _ in range(4):
        action = rng.uniform(-1.0, 1.0, 7)
        oracle.step(action)
        step(action)
    assert (ours.timestep, ours.cur_time) == (oracle.timestep, oracle.cur_time)
    assert ours._check_success() == oracle._check_success()
    np.testing.assert_allclose(ours.sim.data.ctrl, oracle.sim.data.ctrl, atol=1e-9)
    for own, other in zip(ours.robots, oracle.robots, strict=True):
        np.testing.assert_array_equal(
            own.gripper["right"].current_action, other.gripper["right"].current_action
        )
        arm, other_arm = own.part_controllers["right"], other.part_controllers["right"]
        for name in (
            "goal_pos",
            "goal_ori",
            "torques",
            "ref_pos",
            "ref_ori_mat",
            "ref_pos_vel",
            "ref_ori_vel",
        ):
            np.testing.assert_allclose(getattr(arm, name), getattr(other_arm, name), atol=1e-9, err_msg=name)
        for name in ("J_full", "J_pos", "J_ori", "mass_matrix", "joint_pos", "joint_vel", "initial_joint"):
            np.testing.assert_allclose(getattr(arm, name), getattr(other_arm, name), atol=1e-9, err_msg=name)
        grip, other_grip = own.part_controllers["right_gripper"], other.part_controllers["right_gripper"]
        np.testing.assert_array_equal(grip.goal_qvel, other_grip.goal_qvel)


def test_robosuites_own_step_may_take_turns_with_ours(pair):
    oracle, ours, step = pair
    reset_both(pair, 11)
    rng = np.random.default_rng(11)
    for number in range(12):
        action = upward_action(rng, 0.9)
        oracle.step(action)
        if number % 3 == 0:
            ours.step(action)
        else:
            step(action)
    np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-9)


def test_equal_actions_give_bit_identical_states_in_a_fresh_and_a_used_environment(pair):
    _, used, step = pair
    fresh = make_lift(0.12)
    fresh_step = CompiledStepper(fresh)
    for env in (used, fresh):
        reset_exactly(env, 12)
    rng = np.random.default_rng(12)
    for _ in range(30):
        action = rng.uniform(-1.0, 1.0, 7)
        step(action)
        fresh_step(action)
        np.testing.assert_array_equal(state(used), state(fresh))
    fresh.close()


def test_two_environments_in_turns_do_not_mix(pair):
    oracle, ours, step = pair
    oracle_step = CompiledStepper(oracle)
    rng = np.random.default_rng(13)
    actions = rng.uniform(-1.0, 1.0, (10, 2, 7))
    apart = []
    for number, (env, take) in enumerate(((ours, step), (oracle, oracle_step))):
        reset_exactly(env, number)
        for action in actions[:, number]:
            take(action)
        apart.append(state(env))
    reset_exactly(ours, 0)
    reset_exactly(oracle, 1)
    for first, second in actions:
        step(first)
        oracle_step(second)
    np.testing.assert_array_equal(apart, [state(ours), state(oracle)])


@pytest.mark.parametrize(
    ("task", "robot"), [("NutAssemblySquare", "Panda"), ("Door", "Panda"), ("Lift", "Sawyer")]
)
def test_other_tasks_and_arms_agree(task, robot):
    envs = [
        import_robosuite().make(
            task,
            robots=robot,
            has_renderer=False,
            has_offscreen_renderer=False,
            use_camera_obs=False,
            ignore_done=True,
            hard_reset=False,
            seed=0,
        )
        for _ in range(2)
    ]
    oracle, ours = envs
    step = CompiledStepper(ours)
    np.testing.assert_array_equal(state(ours), state(oracle))
    rng = np.random.default_rng(0)
    for _ in range(10):
        action = rng.uniform(-1.0, 1.0, 7)
        oracle.step(action)
        step(action)
    np.testing.assert_allclose(state(ours), state(oracle), rtol=0.0, atol=1e-9)
    for env in envs:
        env.close()


@pytest.mark.parametrize(
    ("attribute", "value", "missing"),
    [
        ("impedance_mode", "variable", "fixed impedance"),
        ("uncoupling", False, "position and orientation uncoupled"),
        ("input_ref_frame", "world", "actions in the base's frame"),
        ("input_type", "absolute", "deltas"),
        ("interpolator_pos", object(), "no interpolation or limits of goals"),
    ],
)
def test_another_law_is_refused_by_name(pair, monkeypatch, attribute, value, missing):
    _, ours, _ = pair
    monkeypatch.setattr(ours.robots[0].part_controllers["right"], attribute, value)
    with pytest.raises(ValueError, match=f"needs {missing}; use stepper='robosuite'"):
        CompiledStepper(ours)


def test_an_unknown_stepper_is_refused_with_the_nearest_name(pair):
    with pytest.raises(SpecError, match="did you mean 'compiled'"):
        make_stepper("compile", pair[1])


@pytest.mark.slow
def test_a_second_process_finds_the_compiled_code(tmp_path):
    code = (
        "import numpy as np\n"
        "from fdp_bench.sim.physics import make_lift\n"
        "from fdp_bench.sim.stepper import CompiledStepper\n"
        "env = make_lift(0.03)\n"
        "CompiledStepper(env)(np.zeros(7))\n"
        "from fdp_bench.sim.osc import control_step\n"
        "print(sum(control_step.stats.cache_hits.values()), sum(control_step.stats.cache_misses.values()))\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert printed == [["0", "1"], ["1", "0"]]

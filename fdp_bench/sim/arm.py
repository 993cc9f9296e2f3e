"""A robosuite robot as the compiled law sees it: whether the law is its own, and where its parts are."""

from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt
from robosuite.controllers.composite.composite_controller import CompositeController
from robosuite.controllers.parts.arm.osc import OperationalSpaceController
from robosuite.controllers.parts.gripper.simple_grip import SimpleGripController
from robosuite.environments.base import MujocoEnv
from robosuite.environments.robot_env import RobotEnv
from robosuite.robots.fixed_base_robot import FixedBaseRobot

from fdp_bench.sim.osc import Arm, ArmState, Command, Simulation


def requirements(environment: Any) -> dict[str, bool]:
    """What an environment must be for the compiled law to be its own -> whether it is.

    Args:
        environment: robosuite environment.
    """
    robots = environment.robots
    is_one = [type(robot) for robot in robots] == [FixedBaseRobot] and len(robots[0].arms) == 1
    integrator = environment.sim.model._model.opt.integrator
    needed = {
        "robosuite's own control step": type(environment).step is MujocoEnv.step
        and type(environment)._pre_action is RobotEnv._pre_action,
        "lite physics": environment.lite_physics,
        "soft resets": not environment.hard_reset,
        "an integrator other than RK4": integrator != mujoco.mjtIntegrator.mjINT_RK4,
        "one robot with one arm and a fixed base": is_one,
    }
    return {**needed, **_controller_requirements(robots[0])} if is_one else needed


def _controller_requirements(robot: Any) -> dict[str, bool]:
    (side,) = robot.arms
    parts = robot.part_controllers
    arm, gripper = parts.get(side), parts.get(robot.get_gripper_name(side))
    needed = {
        "the basic composite controller": type(robot.composite_controller) is CompositeController,
        "an arm, then a gripper": list(parts) == [side, robot.get_gripper_name(side)],
        "an arm controller OSC_POSE": type(arm) is OperationalSpaceController and arm.use_ori,
        "a gripper controller GRIP": type(gripper) is SimpleGripController,
    }
    if not all(needed.values()):
        return needed
    free = (arm.interpolator_pos, arm.interpolator_ori, arm.position_limits, arm.orientation_limits)
    return {
        **needed,
        "fixed impedance": arm.impedance_mode == "fixed",
        "deltas": (arm.input_type, arm._goal_update_mode) == ("delta", "achieved"),
        "actions in the base's frame": arm.input_ref_frame == "base",
        "position and orientation uncoupled": arm.uncoupling,
        "no interpolation or limits of goals": all(part is None for part in (*free, gripper.interpolator)),
        "scaled gripper actions": gripper.use_action_scaling,
    }


def find_arm(environment: Any, model: Any, controller: Any) -> Arm:
    """Find the arm of a controller in MuJoCo's arrays.

    Args:
        environment: robosuite environment that meets the `requirements`.
        model: Its `mujoco.MjModel`.
        controller: The arm's controller.

    Raises:
        ValueError: If the arm is not a chain of joints on a fixed base.
    """
    robot = environment.robots[0]
    (side,) = robot.arms
    site = model.site(controller.ref_name).id
    origin = model.site(f"{controller.naming_prefix}{controller.part_name}_center").id
    dofs = np.array(controller.qvel_index, np.int64)
    moving = _moving_dofs(model, model.site_bodyid[site])
    if moving != set(dofs.tolist()) or _moving_dofs(model, model.site_bodyid[origin]):
        raise ValueError(
            "the compiled stepper needs a hand that its arm's joints alone move, on a fixed base"
        )
    # Expanded from its own numbering, the sparse mass matrix tells where each of its elements is.
    numbering = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, numbering, np.arange(1.0, model.nM + 1.0))
    mass = numbering[np.ix_(dofs, dofs)].astype(np.int64) - 1
    if (mass < 0).any():
        raise ValueError("the compiled stepper needs an arm that is one chain of joints")
    actuators = np.array(robot._ref_actuators_indexes_dict[side], np.int64)
    gripper_actuators = robot._ref_actuators_indexes_dict[robot.get_gripper_name(side)]
    gripper_controller = robot.part_controllers[robot.get_gripper_name(side)]
    gripper_low, gripper_high = gripper_controller.actuator_min, gripper_controller.actuator_max
    middle, half_width = 0.5 * (gripper_high + gripper_low), 0.5 * (gripper_high - gripper_low)
    low, high = model.actuator_ctrlrange[actuators].T
    return Arm(
        qpos=np.array(controller.qpos_index, np.int64),
        dofs=dofs,
        actuators=actuators,
        mass=np.ascontiguousarray(mass),
        site=int(site),
        root=int(model.body_rootid[model.site_bodyid[site]]),
        origin=int(origin),
        stiffness=np.array(controller.kp, np.float64),
        damping=np.array(controller.kd, np.float64),
        torque_low=low.copy(),
        torque_high=high.copy(),
        gripper_actuators=np.array(gripper_actuators, np.int64),
        scaling=_scaling(controller, 6),
        gripper_scaling=_scaling(gripper_controller, len(gripper_actuators)),
        gripper_signal=np.array([middle, half_width, *model.actuator_ctrlrange[gripper_actuators].T]),
    )


def _scaling(controller: Any, size: int) -> npt.NDArray[np.float64]:
    """How a controller scales its action of this size; see `fdp_bench.sim.osc.scale`."""
    # It works out its factors on the first action.
    controller.scale_action(np.zeros(size))
    rows = (
        controller.input_min,
        controller.input_max,
        controller.action_scale,
        controller.action_input_transform,
        controller.action_output_transform,
    )
    return np.array([np.broadcast_to(row, size) for row in rows], np.float64)


def _moving_dofs(model: Any, body: int) -> set[int]:
    """Velocities that move a body: those of its own joints and of its ancestors'."""
    dofs: set[int] = set()
    while body > 0:
        first = int(model.body_dofadr[body])
        dofs.update(range(first, first + int(model.body_dofnum[body])))
        body = int(model.body_parentid[body])
    return dofs


def view_simulation(model: Any, data: Any) -> Simulation:
    """Views of MuJoCo's own memory; they hold on to `data`, and nothing holds on to `model`.

    Args:
        model: `mujoco.MjModel`.
        data: `mujoco.MjData`.
    """
    return Simulation(
        model_address=model._address,
        data_address=data._address,
        qpos=data.qpos,
        qvel=data.qvel,
        ctrl=data.ctrl,
        site_xpos=data.site_xpos,
        site_xmat=data.site_xmat.reshape(-1, 3, 3),
        subtree_com=data.subtree_com,
        cdof=data.cdof,
        qM=data.qM,
        qfrc_bias=data.qfrc_bias,
    )


def empty_state(n_joints: int) -> ArmState:
    """An `ArmState` of zeros, to be written in place."""
    return ArmState(
        position=np.zeros(3),
        rotation=np.zeros((3, 3)),
        twist=np.zeros(6),
        jacobian=np.zeros((6, n_joints)),
        mass_matrix=np.zeros((n_joints, n_joints)),
        joint_position=np.zeros(n_joints),
        joint_velocity=np.zeros(n_joints),
    )


def empty_command(n_joints: int, n_gripper_actuators: int) -> Command:
    """A `Command` of zeros, to be written in place."""
    return Command(
        action=np.zeros(6),
        gripper_action=np.zeros(n_gripper_actuators),
        posture=np.zeros(n_joints),
        delta=np.zeros(6),
        gripper_goal=np.zeros(n_gripper_actuators),
        goal_position=np.zeros(3),
        goal_rotation=np.zeros((3, 3)),
        wanted=np.zeros(6),
        posture_pull=np.zeros(n_joints),
        torques=np.zeros(n_joints),
    )

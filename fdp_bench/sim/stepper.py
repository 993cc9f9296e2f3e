"""Control steps of a robosuite environment: compiled, or robosuite's own as the oracle.

robosuite spends about six sevenths of a control step in Python. Here one call takes all its physics steps, with
the same law between MuJoCo's ``mj_step1`` and ``mj_step2`` as robosuite's; states agree to rounding, which
contacts can amplify over many steps as they do any rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import SpecError, nearest

Vector = npt.NDArray[np.float64]
#: Takes one control step with an action of shape (A,) in [-1, 1].
Step = Callable[[Vector], None]

STEPPERS = ("compiled", "robosuite")


def make_stepper(name: str, environment: Any) -> Step:
    """Find a way to take control steps by its name.

    Args:
        name: ``"compiled"``, or ``"robosuite"`` for robosuite's own step.
        environment: robosuite environment, without hard resets.

    Raises:
        SpecError: If the name is not known.
        ValueError: See `CompiledStepper`.
    """
    if name == "compiled":
        return CompiledStepper(environment)
    if name == "robosuite":
        return lambda action: environment.step(action)
    raise SpecError(f"stepper {name!r} is not one of {', '.join(STEPPERS)}{nearest(name, STEPPERS)}")


class CompiledStepper:
    """Takes a robosuite environment's control steps in compiled code.

    One fixed arm with robosuite's default OSC_POSE controller and a gripper. After a step the simulation, the
    controllers' goals and states, the gripper's action and the environment's clock are as robosuite leaves
    them, and robosuite's own step may take over at any time. Not kept up are observables, the robot's
    ``recent_*`` buffers, and reward and `done`.

    MuJoCo's fatal errors (out of memory) end the process here, where its Python bindings raise.

    Args:
        environment: robosuite environment, without hard resets.

    Raises:
        ValueError: If its robot or controller is not of the kind above; names what differs.
    """

    def __init__(self, environment: Any) -> None:
        # They load robosuite, which an environment has loaded, and which this module must not.
        from fdp_bench.sim import arm, osc

        missing = [what for what, holds in arm.requirements(environment).items() if not holds]
        if missing:
            raise ValueError(f"the compiled stepper needs {', '.join(missing)}; use stepper='robosuite'")
        self._environment = environment
        self._control_step = osc.control_step
        robot = environment.robots[0]
        (self._side,) = robot.arms
        self._gripper_name = robot.get_gripper_name(self._side)
        self._gripper = robot.gripper[self._side]
        self._n_substeps = int(environment.control_timestep / environment.model_timestep)
        model = environment.sim.model._model
        self._arm = arm.find_arm(environment, model, robot.part_controllers[self._side])
        self._simulation = arm.view_simulation(model, environment.sim.data._data)
        self._state = arm.empty_state(len(self._arm.dofs))
        self._command = arm.empty_command(len(self._arm.dofs), len(self._arm.gripper_actuators))
        # The addresses above are the model's own.
        self._model = model

    def __call__(self, action: Vector) -> None:
        """Take one control step.

        Args:
            action: Shape (A,): six of the arm, then the gripper's.
        """
        environment = self._environment
        controllers = environment.robots[0].part_controllers
        controller, gripper_controller = controllers[self._side], controllers[self._gripper_name]
        command = self._command
        command.action[:] = action[:6]
        command.gripper_action[:] = self._gripper.format_action(action[6:])
        command.posture[:] = controller.initial_joint
        # Controllers are new after a reset, and their first action goes by what they saw when they were made.
        is_stale = not controller.new_update
        if is_stale:
            self._take_over(controller)
        self._control_step(self._simulation, self._arm, self._state, command, is_stale, self._n_substeps)
        self._hand_back(controller, gripper_controller)
        environment.timestep += 1
        environment.cur_time += environment.control_timestep

    def _take_over(self, controller: Any) -> None:
        state = self._state
        state.position[:] = controller.ref_pos
        state.rotation[:] = controller.ref_ori_mat
        state.twist[:3], state.twist[3:] = controller.ref_pos_vel, controller.ref_ori_vel
        state.jacobian[:] = controller.J_full
        state.mass_matrix[:] = controller.mass_matrix
        state.joint_position[:] = controller.joint_pos
        state.joint_velocity[:] = controller.joint_vel

    def _hand_back(self, controller: Any, gripper_controller: Any) -> None:
        state, command = self._state, self._command
        controller.ref_pos, controller.ref_ori_mat = state.position, state.rotation
        controller.ref_pos_vel, controller.ref_ori_vel = state.twist[:3], state.twist[3:]
        controller.J_full = state.jacobian
        controller.J_pos, controller.J_ori = state.jacobian[:3], state.jacobian[3:]
        controller.mass_matrix = state.mass_matrix
        controller.joint_pos, controller.joint_vel = state.joint_position, state.joint_velocity
        controller.goal_pos, controller.goal_ori = command.goal_position, command.goal_rotation
        controller.torques, gripper_controller.goal_qvel = command.torques, command.gripper_goal
        controller.new_update = gripper_controller.new_update = True

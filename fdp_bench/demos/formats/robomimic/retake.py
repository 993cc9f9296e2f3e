"""Recorded actions taken again, each from where it was recorded: what is felt, and how far from the record they lead.

Forces are no part of a state: they depend on the motors' torques, and on the contact solver's last solution. So touch
is felt by taking the recorded actions again, and holds only where each of them leads to the state that was recorded
next. The same shows whether an action means what the task's own means: one in other units leads elsewhere.
"""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from fdp_bench.demos.formats.robomimic.replay import Replayer
from fdp_bench.demos.joints import JointLayout

#: A control step that ends this far (m, rad) from the recorded state was not taken in this scene by this controller.
#: The same step with other rounding, of another processor for instance, ends within 1e-12.
_SAME_STATE = 1e-6
#: Components of an action that move the hand; the last moves the fingers.
_HAND = slice(0, 6)


@dataclass(frozen=True)
class Motion:
    """What moved while T actions were recorded, row t being when action t was taken.

    Attributes:
        positions: Joint positions in the task's own order, shape (T, nq), m and rad.
        velocities: Joint velocities, shape (T, nv).
        layout: The file's model; None where only the arm was recorded.
    """

    positions: npt.NDArray[np.float64]
    velocities: npt.NDArray[np.float64]
    layout: JointLayout | None = None


@dataclass(frozen=True)
class Retaken:
    """What came of taking recorded actions again.

    Attributes:
        tactile: Shape (T, 12), see `fdp_bench.sim.touch.TouchSensor`; None where a step ended elsewhere.
        largest_error: Largest difference of a joint position from the recorded one after a control step, m or rad, up
            to the first step that ended elsewhere.
        apart_m: Distance of the hand from where it was recorded after a control step, mean over all; 0.0 for one step.
    """

    tactile: npt.NDArray[np.float32] | None
    largest_error: float
    apart_m: float


@dataclass(frozen=True)
class HandPath:
    """Where the hand was at each step.

    Attributes:
        positions: Of the point between the fingers, in the world, shape (T, 3), m.
        rotations: Frame that poses may be given in (``"grip site"``, ``"hand"``) -> its rotations to the world, shape
            (T, 3, 3).
        base_position: Where the robot stands, shape (3,), m.
        base_rotation: Robot's base to world, shape (3, 3).
    """

    positions: npt.NDArray[np.float64]
    rotations: dict[str, npt.NDArray[np.float64]]
    base_position: npt.NDArray[np.float64]
    base_rotation: npt.NDArray[np.float64]


class Retaker:
    """Takes recorded actions again in a replayer's scene."""

    def __init__(self, replayer: Replayer) -> None:
        self._replayer = replayer
        self._env: Any = replayer.env
        self._model, self._data = replayer.model, replayer.data
        # Where things are is looked at beside the simulation, which must not notice.
        self._looked_at = mujoco.MjData(self._model)

    def motion_of_states(self, model_file: str, states: npt.NDArray[Any]) -> Motion:
        """The motion that flat simulator states hold; see `Replayer.show` for the arguments.

        Raises:
            DatasetError: If the model is not that of the task, or the states do not fit it.
        """
        return Motion(*self._replayer.arranged(model_file, states))

    def motion_of_prop(self, prop: npt.NDArray[Any], control_hz: float) -> Motion:
        """The motion that ``prop`` tells, shape (T, 16): the arm's alone, its velocities by differences."""
        self._env.reset(seed=0)
        positions = np.tile(self._data.qpos, (len(prop), 1))
        velocities = np.zeros((len(prop), self._model.nv))
        robot = self._env.robosuite_env.robots[0]
        arm = (robot._ref_joint_pos_indexes, robot._ref_joint_vel_indexes)
        fingers = (
            robot._ref_gripper_joint_pos_indexes["right"],
            robot._ref_gripper_joint_vel_indexes["right"],
        )
        for columns, (position_places, velocity_places) in ((slice(0, 7), arm), (slice(14, 16), fingers)):
            held = prop[:, columns].astype(np.float64)
            positions[:, position_places] = held
            if len(prop) > 1:
                velocities[:, velocity_places] = np.gradient(held, axis=0) * control_hz
        return Motion(positions, velocities)

    def retake(self, motion: Motion, actions: npt.NDArray[np.float32]) -> Retaken:
        """Take each action where it was recorded; the arm is taken to be held still at first, as at reset.

        Args:
            motion: What was recorded.
            actions: In [-1, 1], shape (T, 7).
        """
        positions = motion.positions
        recorded = self.path(motion).positions
        self._begin(motion)
        readings, largest_error, distances, is_same = [self._env._touch.read_at_rest()], 0.0, [], True
        for step, action in enumerate(actions[:-1], start=1):
            self._env._take_control_step(np.asarray(action, np.float64))
            if is_same:
                readings.append(self._env._touch.read())
                error = float(np.abs(self._data.qpos - positions[step]).max())
                largest_error = max(largest_error, error)
                is_same = error <= _SAME_STATE
            distances.append(np.linalg.norm(self._look(self._data.qpos) - recorded[step]))
            self._data.qpos[:], self._data.qvel[:] = positions[step], motion.velocities[step]
        return Retaken(
            np.array(readings, np.float32) if is_same else None,
            largest_error,
            float(np.mean(distances)) if distances else 0.0,
        )

    def unmoved_m(self, motion: Motion, actions: npt.NDArray[np.float32]) -> float:
        """`Retaken.apart_m` of actions that ask for no motion: what the recorded ones have to account for."""
        still = actions.copy()
        still[:, _HAND] = 0.0
        return self.retake(motion, still).apart_m

    def path(self, motion: Motion) -> HandPath:
        """Where the hand was."""
        if motion.layout is not None:
            self._replayer.place_fixtures(motion.layout)
        sites, hands, positions = [], [], []
        for row in motion.positions:
            positions.append(self._look(row))
            sites.append(self._looked_at.site_xmat[self._env._grip_site].reshape(3, 3).copy())
            hands.append(self._looked_at.xmat[self._env._hand].reshape(3, 3).copy())
        base = self._looked_at.body("robot0_base")
        return HandPath(
            np.array(positions),
            {"grip site": np.array(sites), "hand": np.array(hands)},
            base.xpos.copy(),
            base.xmat.reshape(3, 3).copy(),
        )

    def _look(self, joint_positions: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        self._looked_at.qpos[:] = joint_positions
        mujoco.mj_kinematics(self._model, self._looked_at)
        place: npt.NDArray[np.float64] = self._looked_at.site_xpos[self._env._grip_site].copy()
        return place

    def _begin(self, motion: Motion) -> None:
        """Reset as an episode does, with everything where it was recorded at first."""
        environment = self._env.robosuite_env
        robot = environment.robots[0]
        # Controllers keep the arm's first posture for the whole episode.
        robot.init_qpos = motion.positions[0][robot._ref_joint_pos_indexes]
        robot.initialization_noise = {"magnitude": 0.0, "type": "gaussian"}
        self._env.reset(seed=0)
        contact = int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
        if motion.layout is not None:
            self._model.opt.disableflags &= ~contact
            self._replayer.place_fixtures(motion.layout)
        else:
            # Nobody knows where the things were that the arm may have touched.
            self._model.opt.disableflags |= contact
        self._data.qpos[:], self._data.qvel[:] = motion.positions[0], motion.velocities[0]
        environment.sim.forward()

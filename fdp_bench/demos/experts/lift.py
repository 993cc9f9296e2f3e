"""Scripted expert for lifting a cube with a parallel gripper.

A closed loop on OSC_POSE deltas: every action is a smooth, saturating function of what the state shows.
The height that the gripper aims for is a funnel over the cube, flat far away and dipping to the grasp where
the two are aligned, so approach, descent and recovery from a disturbance are one law and not a list of timed
phases. Only closing is a decision, and it stays visible afterwards in the finger opening.
"""

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.experts.grasp import (
    CUBE_GRIP,
    GRIPPER_CLOSED,
    GRIPPER_OPEN,
    POSITION_SCALE_M,
    ROTATION_SCALE_RAD,
    GraspState,
    Grip,
    Vector,
    saturate,
)

#: Misalignments at which the funnel has risen to 1 - 1/e of its height: horizontal (m) and yaw (rad).
_FUNNEL_RADIUS_M = 0.013
_FUNNEL_YAW_RAD = 0.25
#: Scale of what a finger opening (m) that is too small to come down over the object adds.
_FUNNEL_OPENING_M = 0.008
#: Share of an offset that is left after a control step once it fades.
_OFFSET_DECAY = 0.75


class LiftExpert:
    """Grasps the cube and lifts it; one instance an episode.

    Approach offset, clearance, speed, one disturbance on the way down, and temporally correlated noise are
    drawn from the generator, so that episodes differ and show how to get back on track. They are kept small
    against what the cube's place decides: whatever an imitator cannot see only drowns what it can.

    Args:
        rng: The episode's random stream; the same stream gives the same actions for the same states.
        retries: Whether fingers that close on nothing open again; otherwise they rise empty.
        closing: Whether the gripper is closing on something already.
        grip: How the object is gripped.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        retries: bool = True,
        closing: bool = False,
        grip: Grip = CUBE_GRIP,
    ) -> None:
        self.grip = grip
        self._rng = rng
        self._retries = retries
        self._speed = rng.uniform(0.8, 1.0)
        self._lift_speed = rng.uniform(0.45, 0.6)
        self._clearance_m = rng.uniform(*grip.clearance_m)
        self._grasp_height_m = rng.uniform(*grip.grasp_height_m)
        angle, radius = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 0.02)
        self._offset_m = radius * np.array([np.cos(angle), np.sin(angle)])
        self._offset_yaw_rad = rng.uniform(-0.1, 0.1)
        self._offset_fades = False
        angle, radius = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.01, 0.025)
        self._disturbance_m = radius * np.array([np.cos(angle), np.sin(angle)])
        self._disturbance_height_m = rng.uniform(0.02, 0.06)
        self._disturbance_pending = bool(rng.random() < 0.4)
        self._noise = np.zeros(6)
        self._noise_scale = rng.uniform(0.0, 0.03) * np.array([1.0, 1.0, 1.0, 0.3, 0.3, 0.3])
        self._turn: float | None = None
        self._closing = closing

    @property
    def is_closing(self) -> bool:
        """Whether the last action closed the gripper."""
        return self._closing

    def act(self, state: GraspState) -> npt.NDArray[np.float32]:
        """Choose the next action.

        Args:
            state: What the simulator shows before the action.

        Returns:
            OSC_POSE deltas and gripper command, shape (7,), float32, in [-1, 1].
        """
        to_grasp = state.cube_position - state.gripper_position + np.array([0.0, 0.0, self._grasp_height_m])
        yaw_error = self._yaw_error(state)
        if self._closing and self._retries and state.finger_opening < self.grip.missed_opening_m:
            self._closing = False
        elif not self._closing:
            self._closing = (
                float(np.hypot(to_grasp[0], to_grasp[1])) < self.grip.close_horizontal_m
                and abs(to_grasp[2]) < self.grip.close_vertical_m
                and abs(yaw_error) < self.grip.close_yaw_rad
            )
        translation = (
            self._lift(state, to_grasp) if self._closing else self._reach(state, to_grasp, yaw_error)
        )
        return self._action(state, translation, self._turn_by(state, yaw_error))

    def _action(self, state: GraspState, translation: Vector, yaw: float) -> npt.NDArray[np.float32]:
        """Put an action together: a translation, a turn about the vertical with the hand upright, the gripper."""
        tilt = np.cross(state.approach_axis, np.array([0.0, 0.0, -1.0]))
        rotation = np.array([tilt[0], tilt[1], yaw]) / ROTATION_SCALE_RAD
        motion = np.concatenate([translation, saturate(rotation, 0.6 * self._speed)]) + self._next_noise()
        command = GRIPPER_CLOSED if self._closing else GRIPPER_OPEN
        return np.clip(np.append(motion, command), -1.0, 1.0).astype(np.float32)

    def _turn_by(self, state: GraspState, yaw_error: float) -> float:
        """Turn to ask for, radians."""
        del state
        return yaw_error + self._offset_yaw_rad

    def _reach(self, state: GraspState, to_grasp: Vector, yaw_error: float) -> Vector:
        """Translation action along the funnel, shape (3,)."""
        self._update_offset(to_grasp)
        horizontal = float(np.hypot(to_grasp[0], to_grasp[1]))
        shut = max(self.grip.open_enough_m - state.finger_opening, 0.0)
        misalignment = (
            (horizontal / _FUNNEL_RADIUS_M) ** 2
            + (yaw_error / _FUNNEL_YAW_RAD) ** 2
            + (shut / _FUNNEL_OPENING_M) ** 2
        )
        height = self._clearance_m * (1.0 - np.exp(-misalignment))
        aim = to_grasp + np.array([self._offset_m[0], self._offset_m[1], height])
        return saturate(aim / POSITION_SCALE_M, self._speed)

    def _lift(self, state: GraspState, to_grasp: Vector) -> Vector:
        """Translation action from closing on: settle, then rise as the fingers close, shape (3,)."""
        starts, full = self.grip.lift_starts_opening_m, self.grip.lift_full_opening_m
        closed = float(np.clip((starts - state.finger_opening) / (starts - full), 0.0, 1.0))
        settle = saturate(to_grasp / POSITION_SCALE_M, self._speed)
        return (1.0 - closed) * settle + closed * self._carry(state)

    def _carry(self, state: GraspState) -> Vector:
        """Translation action with the object in the hand, shape (3,): straight up."""
        del state
        return np.array([0.0, 0.0, self._lift_speed])

    def _update_offset(self, to_grasp: Vector) -> None:
        """Let the approach offset fade once reached, and set off the disturbance on the way down."""
        if np.hypot(*(to_grasp[:2] + self._offset_m)) < 0.03:
            self._offset_fades = True
        if self._offset_fades:
            self._offset_m = self._offset_m * _OFFSET_DECAY
            self._offset_yaw_rad *= _OFFSET_DECAY
        if self._disturbance_pending and -to_grasp[2] < self._disturbance_height_m:
            self._disturbance_pending = False
            self._offset_m = self._offset_m + self._disturbance_m

    def _yaw_error(self, state: GraspState) -> float:
        """Turn about the world's vertical that aligns the fingers with a cube face, in radians.

        The nearest face is chosen once an episode: between two equally near ones the expert must not waver.
        """
        finger_yaw = np.arctan2(state.finger_axis[1], state.finger_axis[0])
        cube_yaw = np.arctan2(state.cube_rotation[1, 0], state.cube_rotation[0, 0])
        error = cube_yaw - finger_yaw
        if self._turn is None:
            self._turn = self._choose_turn(state, float(error))
        error += self._turn
        return float((error + np.pi) % (2 * np.pi) - np.pi)

    def _choose_turn(self, state: GraspState, error: float) -> float:
        """What to add to a yaw error, radians: whole turns of the grip, to the nearest grasp."""
        del state
        return float(-np.round(error / self.grip.turn_rad) * self.grip.turn_rad)

    def _next_noise(self) -> Vector:
        """Temporally correlated noise (first-order, time constant 5 control steps), shape (6,)."""
        keep = np.exp(-1.0 / 5.0)
        self._noise = keep * self._noise + np.sqrt(1 - keep**2) * self._rng.standard_normal(6)
        return self._noise_scale * self._noise

"""Scripted expert for lifting a cube with a parallel gripper.

A closed loop on OSC_POSE deltas: every action is a smooth, saturating function of what the state shows.
The height that the gripper aims for is a funnel over the cube, flat far away and dipping to the grasp where
the two are aligned, so approach, descent and recovery from a disturbance are one law and not a list of timed
phases. Only closing is a decision, and it stays visible afterwards in the finger opening.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

#: Translation that a position action of 1 asks for, in metres (robosuite's default OSC_POSE for Panda).
POSITION_SCALE_M = 0.05
#: Rotation that an orientation action of 1 asks for, in radians.
ROTATION_SCALE_RAD = 0.5
GRIPPER_OPEN = -1.0
GRIPPER_CLOSED = 1.0

#: Misalignments at which the funnel has risen to 1 - 1/e of its height: horizontal (m) and yaw (rad).
_FUNNEL_RADIUS_M = 0.013
_FUNNEL_YAW_RAD = 0.25
#: Finger opening (m) from which the gripper may come down over the cube, and the scale of what less adds.
_OPEN_ENOUGH_M = 0.036
_FUNNEL_OPENING_M = 0.008
#: Horizontal (m), vertical (m) and yaw (rad) errors below which the gripper starts to close, still settling.
_CLOSE_HORIZONTAL_M = 0.009
_CLOSE_VERTICAL_M = 0.014
_CLOSE_YAW_RAD = 0.15
#: Finger openings (m) between which lifting fades in; a grasped cube leaves 0.020-0.022.
_LIFT_STARTS_OPENING_M = 0.031
_LIFT_FULL_OPENING_M = 0.0235
#: Below this opening the fingers have closed on nothing, and the expert tries again.
MISSED_OPENING_M = 0.015
#: Share of episodes that start with a missed grasp, and the most control steps that it may take.
LEAD_IN_SHARE = 0.25
_LONGEST_LEAD_IN_STEPS = 70
#: Share of an offset that is left after a control step once it fades.
_OFFSET_DECAY = 0.75


@dataclass(frozen=True)
class GraspState:
    """What the expert sees; world frame, metres.

    Attributes:
        gripper_position: Grip site, shape (3,).
        approach_axis: Unit vector out of the palm, shape (3,); straight down when the gripper is upright.
        finger_axis: Unit vector along which the fingers open, shape (3,).
        finger_opening: Mean distance of a finger from the middle, in metres: 0 closed, 0.04 open.
        cube_position: Cube centre, shape (3,).
        cube_rotation: Cube to world, shape (3, 3).
    """

    gripper_position: Vector
    approach_axis: Vector
    finger_axis: Vector
    finger_opening: float
    cube_position: Vector
    cube_rotation: Vector


def read_grasp_state(robosuite_env: Any) -> GraspState:
    """Read what the expert needs from a robosuite Lift environment's simulator."""
    data = robosuite_env.sim.data
    robot = robosuite_env.robots[0]
    finger_joints = robot._ref_gripper_joint_pos_indexes["right"]
    site_rotation = data.site_xmat[robot.eef_site_id["right"]].reshape(3, 3)
    return GraspState(
        gripper_position=np.array(data.site_xpos[robot.eef_site_id["right"]]),
        approach_axis=np.array(site_rotation[:, 2]),
        finger_axis=np.array(site_rotation[:, 1]),
        finger_opening=float(np.abs(data.qpos[finger_joints]).mean()),
        cube_position=np.array(data.body_xpos[robosuite_env.cube_body_id]),
        cube_rotation=np.array(data.body_xmat[robosuite_env.cube_body_id]).reshape(3, 3),
    )


class LiftExpert:
    """Grasps the cube and lifts it; one instance an episode.

    Approach offset, clearance, speed, one disturbance on the way down, and temporally correlated noise are
    drawn from the generator, so that episodes differ and show how to get back on track. They are kept small
    against what the cube's place decides: whatever an imitator cannot see only drowns what it can.

    Args:
        rng: The episode's random stream; the same stream gives the same actions for the same states.
        retries: Whether fingers that close on nothing open again; otherwise they rise empty.
        closing: Whether the gripper is closing on something already.
    """

    def __init__(self, rng: np.random.Generator, *, retries: bool = True, closing: bool = False) -> None:
        self._rng = rng
        self._retries = retries
        self._speed = rng.uniform(0.8, 1.0)
        self._lift_speed = rng.uniform(0.45, 0.6)
        self._clearance_m = rng.uniform(0.07, 0.09)
        self._grasp_height_m = rng.uniform(-0.006, 0.002)
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
        self._quarter_turn: float | None = None
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
        if self._closing and self._retries and state.finger_opening < MISSED_OPENING_M:
            self._closing = False
        elif not self._closing:
            self._closing = (
                float(np.hypot(to_grasp[0], to_grasp[1])) < _CLOSE_HORIZONTAL_M
                and abs(to_grasp[2]) < _CLOSE_VERTICAL_M
                and abs(yaw_error) < _CLOSE_YAW_RAD
            )
        translation = (
            self._lift(state, to_grasp) if self._closing else self._reach(state, to_grasp, yaw_error)
        )
        tilt = np.cross(state.approach_axis, np.array([0.0, 0.0, -1.0]))
        rotation = np.array([tilt[0], tilt[1], yaw_error + self._offset_yaw_rad]) / ROTATION_SCALE_RAD
        motion = np.concatenate([translation, _saturate(rotation, 0.6 * self._speed)]) + self._next_noise()
        command = GRIPPER_CLOSED if self._closing else GRIPPER_OPEN
        return np.clip(np.append(motion, command), -1.0, 1.0).astype(np.float32)

    def _reach(self, state: GraspState, to_grasp: Vector, yaw_error: float) -> Vector:
        """Translation action along the funnel, shape (3,)."""
        self._update_offset(to_grasp)
        horizontal = float(np.hypot(to_grasp[0], to_grasp[1]))
        shut = max(_OPEN_ENOUGH_M - state.finger_opening, 0.0)
        misalignment = (
            (horizontal / _FUNNEL_RADIUS_M) ** 2
            + (yaw_error / _FUNNEL_YAW_RAD) ** 2
            + (shut / _FUNNEL_OPENING_M) ** 2
        )
        height = self._clearance_m * (1.0 - np.exp(-misalignment))
        aim = to_grasp + np.array([self._offset_m[0], self._offset_m[1], height])
        return _saturate(aim / POSITION_SCALE_M, self._speed)

    def _lift(self, state: GraspState, to_grasp: Vector) -> Vector:
        """Translation action from closing on: settle, then rise as the fingers close, shape (3,)."""
        span = _LIFT_STARTS_OPENING_M - _LIFT_FULL_OPENING_M
        closed = float(np.clip((_LIFT_STARTS_OPENING_M - state.finger_opening) / span, 0.0, 1.0))
        settle = _saturate(to_grasp / POSITION_SCALE_M, self._speed)
        return (1.0 - closed) * settle + closed * np.array([0.0, 0.0, self._lift_speed])

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
        if self._quarter_turn is None:
            self._quarter_turn = -np.round(error / (np.pi / 2)) * (np.pi / 2)
        error += self._quarter_turn
        return float((error + np.pi) % (2 * np.pi) - np.pi)

    def _next_noise(self) -> Vector:
        """Temporally correlated noise (first-order, time constant 5 control steps), shape (6,)."""
        keep = np.exp(-1.0 / 5.0)
        self._noise = keep * self._noise + np.sqrt(1 - keep**2) * self._rng.standard_normal(6)
        return self._noise_scale * self._noise


class DemonstrationExpert:
    """A `LiftExpert` that in some episodes first gets itself into trouble, so that the data show the way out.

    The lead-in is a grasp at a misjudged place, beside the cube or above it, and a start to lift with empty
    fingers: where an imitator that aims badly finds itself. It is no example to follow: `leading_in` marks
    its steps, and readers leave them out.

    Args:
        rng: The episode's random stream.
        lead_in_share: Share of episodes with a lead-in, in [0, 1].
    """

    def __init__(self, rng: np.random.Generator, *, lead_in_share: float = LEAD_IN_SHARE) -> None:
        self._rng = rng
        self._leading_in = bool(rng.random() < lead_in_share)
        if rng.random() < 0.5:
            angle, radius = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.03, 0.06)
            self._misjudgement_m = np.array([radius * np.cos(angle), radius * np.sin(angle), 0.0])
        else:
            self._misjudgement_m = np.append(rng.uniform(-0.015, 0.015, 2), rng.uniform(0.035, 0.06))
        self._closing_steps_left = int(rng.integers(12, 19))
        self._lead_in_steps_left = _LONGEST_LEAD_IN_STEPS
        self._expert = LiftExpert(rng, retries=not self._leading_in)

    @property
    def leading_in(self) -> bool:
        """Whether the last action was part of the lead-in."""
        return self._leading_in

    def act(self, state: GraspState) -> npt.NDArray[np.float32]:
        """Choose the next action. See `LiftExpert.act`."""
        if self._leading_in and (self._closing_steps_left == 0 or self._lead_in_steps_left == 0):
            self._leading_in = False
            holding = self._expert.is_closing and state.finger_opening > MISSED_OPENING_M
            self._expert = LiftExpert(self._rng, closing=holding)
        if not self._leading_in:
            return self._expert.act(state)
        action = self._expert.act(replace(state, cube_position=state.cube_position + self._misjudgement_m))
        self._lead_in_steps_left -= 1
        self._closing_steps_left -= int(self._expert.is_closing)
        return action


def _saturate(vector: Vector, limit: float) -> Vector:
    """Shorten a vector smoothly to at most `limit`, keeping its direction; short ones hardly change."""
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        return vector
    return vector * float(limit * np.tanh(length / limit) / length)

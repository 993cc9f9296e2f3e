"""Scripted expert for opening a door: grasp the handle, turn it until the latch lets go, pull.

A closed loop as in `fdp_bench.demos.experts.lift`, with the hand's whole pose led along: at each step the hand is sent
to where the handle would carry it if handle and hinge were turned a little further.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.experts.grasp import (
    GRIPPER_CLOSED,
    GRIPPER_OPEN,
    POSITION_SCALE_M,
    ROTATION_SCALE_RAD,
    GraspState,
    Grip,
    Vector,
    read_gripper,
    saturate,
)
from fdp_bench.demos.experts.lift import LiftExpert

#: robosuite's handle is 30 mm by 40 mm; pinched over its edges it leaves openings of 0.020-0.026.
_HANDLE_GRIP = Grip(
    open_enough_m=0.034,
    close_horizontal_m=0.010,
    close_vertical_m=0.012,
    close_yaw_rad=0.2,
    missed_opening_m=0.012,
    lift_starts_opening_m=0.034,
    lift_full_opening_m=0.029,
    grasp_height_m=(-0.004, 0.004),
    clearance_m=(0.06, 0.09),
)
#: Where the handle is grasped, metres along it from its axis; it is 0.15 m long.
_GRASP_ALONG_M = (0.095, 0.125)
#: The handle stands this far off the door, metres from the middle of its panel.
_HANDLE_OFF_M = 0.1
#: Tilt of the hand from straight down towards the door, radians: upright, the hand is too wide to fit in between.
_TILT_RAD = (0.6, 0.8)
#: Misalignments at which the approach has backed off to 1 - 1/e of its clearance: sideways (m), turn (rad).
_FUNNEL_RADIUS_M = 0.02
_FUNNEL_TURN_RAD = 0.35
_FUNNEL_OPENING_M = 0.008
#: The latch lets go at about 1.2 rad; the handle is turned this far (rad), and held there.
_HANDLE_TURN_RAD = (1.3, 1.4)
#: The hand turns along up to here (rad), for the arm's joints have their ends; then the handle turns in the fingers.
_HAND_TURN_RAD = 0.3
#: Turn of the handle (rad) from which it cannot slip out of the fingers.
_HOOKED_RAD = 0.3
#: How far ahead of the handle and of the hinge the hand is sent, radians.
_HANDLE_LEAD_RAD = 0.3
_HINGE_LEAD_RAD = 0.2
#: Turn of the handle still to be made (rad) at which the pull has faded to 1/e.
_TURN_FIRST_RAD = 0.12
#: Hinge angle to be reached, radians: robosuite's limit.
_HINGE_OPEN_RAD = 0.4
#: A turned handle this near (m) to the open hand lies between its fingers.
_CAUGHT_M = 0.025
#: A handle this far (m) from closed fingers was lost.
_LOST_M = 0.045


@dataclass(frozen=True)
class DoorState(GraspState):
    """What the expert sees; world frame, metres. ``cube_position`` and ``cube_rotation`` are the handle's.

    The handle's frame lies in its axis and turns with it: x along the handle, y into the door.

    Attributes:
        gripper_rotation: Grip site to world, shape (3, 3).
        handle_angle: Turn of the handle about its y, radians; 0 at rest, positive downwards.
        hinge_position: A point of the hinge's axis, shape (3,).
        hinge_angle: How far the door is open, radians.
    """

    gripper_rotation: Vector
    handle_angle: float
    hinge_position: Vector
    hinge_angle: float


def read_door(robosuite_env: Any) -> DoorState:
    """What an expert needs of robosuite's Door."""
    data = robosuite_env.sim.data
    robot = robosuite_env.robots[0]
    site = robot.eef_site_id["right"]
    hinge = robosuite_env.sim.model.joint_name2id("Door_hinge")
    return DoorState(
        **read_gripper(robosuite_env),
        cube_position=np.array(data.get_body_xpos("Door_latch")),
        cube_rotation=np.array(data.get_body_xmat("Door_latch")).reshape(3, 3),
        gripper_rotation=np.array(data.site_xmat[site]).reshape(3, 3),
        handle_angle=float(data.qpos[robosuite_env.handle_qpos_addr]),
        hinge_position=np.array(data._data.xanchor[hinge]),
        hinge_angle=float(data.qpos[robosuite_env.hinge_qpos_addr]),
    )


class DoorExpert(LiftExpert):
    """Opens the door; one instance an episode.

    Args:
        rng: The episode's random stream.
        retries: See `LiftExpert`.
        closing: See `LiftExpert`.
    """

    def __init__(self, rng: np.random.Generator, *, retries: bool = True, closing: bool = False) -> None:
        super().__init__(rng, retries=retries, closing=closing, grip=_HANDLE_GRIP)
        tilt = rng.uniform(*_TILT_RAD)
        along, up = rng.uniform(*_GRASP_ALONG_M), self._grasp_height_m
        # In the handle's frame.
        self._grasp = np.array([along, -_HANDLE_OFF_M, up])
        self._approach = np.array([0.0, np.sin(tilt), -np.cos(tilt)])
        self._fingers = np.array([0.0, np.cos(tilt), np.sin(tilt)])
        self._handle_turn_rad = rng.uniform(*_HANDLE_TURN_RAD)
        self._side = 0.0

    def act(self, state: GraspState) -> npt.NDArray[np.float32]:
        """Choose the next action. See `LiftExpert.act`.

        Args:
            state: A `DoorState`.
        """
        assert isinstance(state, DoorState)
        if not self._side:
            # The fingers are alike; whichever is nearer goes behind the handle, and stays there.
            self._side = 1.0 if state.finger_axis @ (state.cube_rotation @ self._fingers) >= 0.0 else -1.0
        position, rotation = self._pose(state.cube_position, state.cube_rotation, state.handle_angle)
        to_grasp, turn = position - state.gripper_position, _turn_between(state.gripper_rotation, rotation)
        along, aside = self._split(to_grasp, rotation)
        if self._closing and self._retries and self._has_lost(state, to_grasp):
            self._closing = False
        elif not self._closing:
            is_aligned = (
                aside < self.grip.close_horizontal_m
                and abs(along) < self.grip.close_vertical_m
                and float(np.linalg.norm(turn)) < self.grip.close_yaw_rad
            )
            # The open hand can turn the handle too, on its way down.
            is_hooked = state.handle_angle > _HOOKED_RAD and float(np.linalg.norm(to_grasp)) < _CAUGHT_M
            self._closing = is_aligned or is_hooked
        if self._closing:
            to_aim, turn = self._led(state, to_grasp, turn)
        else:
            to_aim = self._approached(state, to_grasp, rotation, turn)
        translation = saturate(to_aim / POSITION_SCALE_M, self._speed)
        turning = saturate(turn / ROTATION_SCALE_RAD, 0.6 * self._speed)
        command = GRIPPER_CLOSED if self._closing else GRIPPER_OPEN
        motion = np.concatenate([translation, turning]) + self._next_noise()
        return np.clip(np.append(motion, command), -1.0, 1.0).astype(np.float32)

    def _pose(self, axis: Vector, handle: Vector, angle: float) -> tuple[Vector, Vector]:
        """The hand's pose on a handle turned by `angle`: position, shape (3,), and rotation, shape (3, 3)."""
        hand = handle @ _about(np.array([0.0, 1.0, 0.0]), min(_HAND_TURN_RAD - angle, 0.0))
        approach, fingers = hand @ self._approach, self._side * (hand @ self._fingers)
        return axis + handle @ self._grasp, np.stack([fingers, np.cross(approach, fingers), approach], axis=1)

    def _split(self, to_grasp: Vector, rotation: Vector) -> tuple[float, float]:
        """Distance still to go along the approach and beside it, metres."""
        along = float(to_grasp @ rotation[:, 2])
        return along, float(np.linalg.norm(to_grasp - along * rotation[:, 2]))

    def _has_lost(self, state: DoorState, to_grasp: Vector) -> bool:
        closed_on_nothing = state.finger_opening < self.grip.missed_opening_m
        return closed_on_nothing or float(np.linalg.norm(to_grasp)) > _LOST_M

    def _approached(self, state: DoorState, to_grasp: Vector, rotation: Vector, turn: Vector) -> Vector:
        """Where the open hand goes, from where it is, shape (3,): to the handle's front, then onto it."""
        along, aside = self._split(to_grasp, rotation)
        shut = max(self.grip.open_enough_m - state.finger_opening, 0.0)
        misalignment = (
            (aside / _FUNNEL_RADIUS_M) ** 2
            + (float(np.linalg.norm(turn)) / _FUNNEL_TURN_RAD) ** 2
            + (shut / _FUNNEL_OPENING_M) ** 2
        )
        back = self._clearance_m * (1.0 - np.exp(-misalignment))
        # Offsets lie in the plane across the approach.
        self._update_offset(np.append(rotation[:, :2].T @ to_grasp, -along))
        way: Vector = to_grasp + rotation[:, :2] @ self._offset_m - back * rotation[:, 2]
        return way

    def _led(self, state: DoorState, to_grasp: Vector, turn: Vector) -> tuple[Vector, Vector]:
        """Where the closed hand goes, from where it is: a way, shape (3,), and a rotation vector, shape (3,)."""
        starts, full = self.grip.lift_starts_opening_m, self.grip.lift_full_opening_m
        gripped = (starts - state.finger_opening) / (starts - full)
        # A turned handle hangs in the fingers, however far they are apart.
        held = float(np.clip(max(gripped, state.handle_angle / _HOOKED_RAD), 0.0, 1.0))
        if not held:
            return to_grasp, turn
        remaining = self._handle_turn_rad - state.handle_angle
        handle_step = held * float(np.clip(remaining, -0.1, _HANDLE_LEAD_RAD))
        freed = float(np.exp(-((max(remaining, 0.0) / _TURN_FIRST_RAD) ** 2)))
        hinge_step = held * freed * float(np.clip(_HINGE_OPEN_RAD - state.hinge_angle, 0.0, _HINGE_LEAD_RAD))
        hinge = _about(np.array([0.0, 0.0, 1.0]), hinge_step)
        axis = state.hinge_position + hinge @ (state.cube_position - state.hinge_position)
        handle = hinge @ state.cube_rotation @ _about(np.array([0.0, 1.0, 0.0]), handle_step)
        position, rotation = self._pose(axis, handle, state.handle_angle + handle_step)
        return position - state.gripper_position, _turn_between(state.gripper_rotation, rotation)


def _about(axis: Vector, angle: float) -> Vector:
    """Rotation about a unit vector, shape (3, 3)."""
    from scipy.spatial.transform import Rotation

    matrix: Vector = Rotation.from_rotvec(angle * axis).as_matrix()
    return matrix


def _turn_between(start: Vector, end: Vector) -> Vector:
    """Rotation vector, world frame, that turns one orientation into another, shape (3,), radians."""
    from scipy.spatial.transform import Rotation

    turn: Vector = Rotation.from_matrix(end @ start.T).as_rotvec()
    return turn

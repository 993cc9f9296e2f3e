"""Scripted expert for grasping an object, carrying it and setting it down: Can, Stack and Square.

The grasp is `fdp_bench.demos.experts.lift.LiftExpert`'s. With the object in the hand the height aimed for is a second
funnel, over the goal: up first, then across, then down where object and goal are aligned. Letting go is the other
decision, and the open fingers show it afterwards.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.experts.grasp import CUBE_GRIP, POSITION_SCALE_M, GraspState, Grip, Vector, saturate
from fdp_bench.demos.experts.lift import LiftExpert

#: Fastest way with an object in the hand, as an action.
_CARRY_SPEED = (0.75, 0.95)
#: Rise still to be made (m) at which the way across has faded to 1/e.
_RISE_FIRST_M = 0.03
#: Finger openings (m) between which the gripper starts to leave a released object.
_LEAVE_STARTS_OPENING_M = 0.027
#: Above an object that lies elsewhere than it should by this much (m), the expert begins again.
_LOST_HORIZONTAL_M = 0.04
_BEGIN_AGAIN_HEIGHT_M = 0.1
#: An obstacle this near (m, between centres) decides how the fingers are turned.
_OBSTACLE_NEAR_M = 0.12


@dataclass(frozen=True)
class PlaceState(GraspState):
    """What the expert sees; world frame, metres. ``cube_position`` is where the object is to be gripped.

    Attributes:
        object_position: Centre of the object, shape (3,).
        object_axis: The object's x axis, a unit vector, shape (3,).
        goal_position: Where its centre shall be when it is let go, shape (3,).
        obstacle_position: Centre of something that the open fingers must not come down on, shape (3,).
    """

    object_position: Vector
    object_axis: Vector
    goal_position: Vector
    obstacle_position: Vector | None = None


@dataclass(frozen=True)
class Placing:
    """How an object is set down; lengths in metres.

    Attributes:
        carry_height_m: Range of the object's height over the goal on the way.
        funnel_radius_m: Horizontal error at which the carry height has risen to 1 - 1/e.
        release_horizontal_m: Horizontal error below which the object is let go.
        release_vertical_m: Height over the goal likewise.
        goal_radius_m: The goal is missed on purpose by up to this, so that episodes differ.
        yaws_rad: Turns about the vertical that the object may have at its goal; it is brought to the nearest on the
            way, and anyhow where there are none.
        leave_speed: Speed of the open gripper upwards, as an action.
    """

    carry_height_m: tuple[float, float]
    funnel_radius_m: float = 0.03
    release_horizontal_m: float = 0.012
    release_vertical_m: float = 0.01
    goal_radius_m: float = 0.0
    yaws_rad: tuple[float, ...] = ()
    leave_speed: float = 0.6


class PlaceExpert(LiftExpert):
    """Grasps an object, carries it to its goal and lets it go; one instance an episode.

    Args:
        rng: The episode's random stream.
        placing: How the object is set down.
        retries: See `LiftExpert`.
        closing: See `LiftExpert`.
        grip: See `LiftExpert`.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        placing: Placing,
        retries: bool = True,
        closing: bool = False,
        grip: Grip = CUBE_GRIP,
    ) -> None:
        super().__init__(rng, retries=retries, closing=closing, grip=grip)
        self._placing = placing
        self._carry_speed = rng.uniform(*_CARRY_SPEED)
        self._carry_height_m = rng.uniform(*placing.carry_height_m)
        angle, radius = rng.uniform(0.0, 2.0 * np.pi), placing.goal_radius_m * np.sqrt(rng.random())
        self._goal_offset_m = radius * np.array([np.cos(angle), np.sin(angle), 0.0])
        self._released = False
        self._carried_yaw: float | None = None

    def act(self, state: GraspState) -> npt.NDArray[np.float32]:
        """Choose the next action. See `LiftExpert.act`.

        Args:
            state: A `PlaceState`.
        """
        assert isinstance(state, PlaceState)
        if self._released and self._has_lost(state):
            self._released, self._turn, self._carried_yaw = False, None, None
        if not self._released and self._is_there(state):
            self._released, self._closing = True, False
        if self._released:
            return self._action(state, self._leave(state), 0.0)
        return super().act(state)

    def _is_there(self, state: PlaceState) -> bool:
        if not self._holds(state):
            return False
        error = self._to_goal(state)
        return (
            float(np.hypot(error[0], error[1])) < self._placing.release_horizontal_m
            and -error[2] < self._placing.release_vertical_m
        )

    def _has_lost(self, state: PlaceState) -> bool:
        """Whether the hand has left an object that is not where it should be."""
        miss = state.goal_position - state.object_position
        height = state.gripper_position[2] - state.object_position[2]
        return float(np.hypot(miss[0], miss[1])) > _LOST_HORIZONTAL_M and height > _BEGIN_AGAIN_HEIGHT_M

    def _holds(self, state: GraspState) -> bool:
        return self._closing and (
            self.grip.missed_opening_m < state.finger_opening < self.grip.lift_full_opening_m + 0.002
        )

    def _to_goal(self, state: PlaceState) -> Vector:
        error: Vector = state.goal_position + self._goal_offset_m - state.object_position
        return error

    def _carry(self, state: GraspState) -> Vector:
        """Translation action along the funnel over the goal, shape (3,)."""
        assert isinstance(state, PlaceState)
        if not self._holds(state):
            return super()._carry(state)
        error = self._to_goal(state)
        misalignment = (error[0] ** 2 + error[1] ** 2) / self._placing.funnel_radius_m**2
        if self._placing.yaws_rad:
            misalignment += (self._carried_yaw_error(state) / 0.1) ** 2
        rise = error[2] + self._carry_height_m * (1.0 - np.exp(-misalignment))
        across = np.exp(-((max(rise, 0.0) / _RISE_FIRST_M) ** 2))
        aim = np.array([across * error[0], across * error[1], rise])
        return saturate(aim / POSITION_SCALE_M, self._carry_speed)

    def _leave(self, state: PlaceState) -> Vector:
        """Translation action after letting go, shape (3,): up as the fingers open."""
        span = self.grip.open_enough_m - _LEAVE_STARTS_OPENING_M
        opened = float(np.clip((state.finger_opening - _LEAVE_STARTS_OPENING_M) / span, 0.0, 1.0))
        return np.array([0.0, 0.0, opened * self._placing.leave_speed])

    def _turn_by(self, state: GraspState, yaw_error: float) -> float:
        assert isinstance(state, PlaceState)
        if not self._holds(state):
            return super()._turn_by(state, yaw_error)
        return self._carried_yaw_error(state) if self._placing.yaws_rad else 0.0

    def _choose_turn(self, state: GraspState, error: float) -> float:
        """The nearest grasp, or the nearest one across the way to an obstacle that is close."""
        assert isinstance(state, PlaceState)
        nearest = super()._choose_turn(state, error)
        if state.obstacle_position is None:
            return nearest
        way = (state.obstacle_position - state.cube_position)[:2]
        if np.linalg.norm(way) > _OBSTACLE_NEAR_M:
            return nearest
        finger_yaw = np.arctan2(state.finger_axis[1], state.finger_axis[0])
        options = (nearest, nearest + self.grip.turn_rad, nearest - self.grip.turn_rad)

        def cost(turn: float) -> float:
            yaw = finger_yaw + error + turn
            along = abs(np.array([np.cos(yaw), np.sin(yaw)]) @ way) / np.linalg.norm(way)
            return float(round(along, 6) + 1e-3 * abs(error + turn))

        return min(options, key=cost)

    def _carried_yaw_error(self, state: PlaceState) -> float:
        """Turn that brings the object to the goal's, radians; the nearest is chosen once an episode."""
        yaw = float(np.arctan2(state.object_axis[1], state.object_axis[0]))
        if self._carried_yaw is None:
            self._carried_yaw = min(self._placing.yaws_rad, key=lambda goal: abs(_wrapped(goal - yaw)))
        return _wrapped(self._carried_yaw - yaw)


def _wrapped(angle: float) -> float:
    """An angle in [-pi, pi)."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)

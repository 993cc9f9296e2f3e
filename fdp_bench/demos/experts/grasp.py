"""What a grasp is to the scripted experts: how an object is gripped, what is seen of it, and the units of an action."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Grip:
    """How an object is gripped; lengths in metres, finger openings are mean distances from the middle.

    Attributes:
        open_enough_m: Finger opening from which the gripper may come down over the object.
        close_horizontal_m: Horizontal error below which the gripper starts to close, still settling.
        close_vertical_m: Vertical error likewise.
        close_yaw_rad: Turn likewise, radians.
        lift_starts_opening_m: Finger opening at which lifting fades in.
        lift_full_opening_m: Finger opening at which lifting is full; a little over half the object's width.
        missed_opening_m: Below this opening the fingers have closed on nothing, and the expert tries again.
        grasp_height_m: Range of the grasp's height over the object's centre.
        clearance_m: Range of the height over the object at which the gripper approaches.
        turn_rad: The grasp looks the same after this turn about the vertical.
    """

    open_enough_m: float = 0.036
    close_horizontal_m: float = 0.009
    close_vertical_m: float = 0.014
    close_yaw_rad: float = 0.15
    lift_starts_opening_m: float = 0.031
    lift_full_opening_m: float = 0.0235
    missed_opening_m: float = 0.015
    grasp_height_m: tuple[float, float] = (-0.006, 0.002)
    clearance_m: tuple[float, float] = (0.07, 0.09)
    turn_rad: float = np.pi / 2


#: robosuite's cubes, 40 to 44 mm wide; a grasped one leaves openings of 0.020-0.022.
CUBE_GRIP = Grip()


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


def read_gripper(robosuite_env: Any) -> dict[str, Any]:
    """Read the gripper's part of a `GraspState` from a robosuite environment's simulator, by field."""
    data = robosuite_env.sim.data
    robot = robosuite_env.robots[0]
    finger_joints = robot._ref_gripper_joint_pos_indexes["right"]
    site_rotation = data.site_xmat[robot.eef_site_id["right"]].reshape(3, 3)
    return {
        "gripper_position": np.array(data.site_xpos[robot.eef_site_id["right"]]),
        "approach_axis": np.array(site_rotation[:, 2]),
        "finger_axis": np.array(site_rotation[:, 0]),
        "finger_opening": float(np.abs(data.qpos[finger_joints]).mean()),
    }


def read_grasp_state(robosuite_env: Any) -> GraspState:
    """Read what the expert needs from a robosuite Lift environment's simulator."""
    data = robosuite_env.sim.data
    gripper = read_gripper(robosuite_env)
    # A quarter turn off, which is nothing to a cube; demonstrations of Lift stay what they were.
    site = robosuite_env.robots[0].eef_site_id["right"]
    gripper["finger_axis"] = np.array(data.site_xmat[site].reshape(3, 3)[:, 1])
    return GraspState(
        **gripper,
        cube_position=np.array(data.body_xpos[robosuite_env.cube_body_id]),
        cube_rotation=np.array(data.body_xmat[robosuite_env.cube_body_id]).reshape(3, 3),
    )


def saturate(vector: Vector, limit: float) -> Vector:
    """Shorten a vector smoothly to at most `limit`, keeping its direction; short ones hardly change."""
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        return vector
    return vector * float(limit * np.tanh(length / limit) / length)

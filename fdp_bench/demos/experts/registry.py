"""Which scripted expert shows a task, and what it reads from the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fdp_bench.api import SpecError, nearest
from fdp_bench.demos.advice import way_to
from fdp_bench.demos.experts.door import DoorExpert, read_door
from fdp_bench.demos.experts.grasp import GraspState, Grip, Vector, read_grasp_state, read_gripper
from fdp_bench.demos.experts.lead_in import DemonstrationExpert
from fdp_bench.demos.experts.lift import LiftExpert
from fdp_bench.demos.experts.place import PlaceExpert, PlaceState, Placing
from fdp_bench.tasks import TASKS, resolve_task


@dataclass(frozen=True)
class TaskExpert:
    """A task's expert.

    Attributes:
        make: Makes the expert of an episode from its random stream; see `LiftExpert`.
        read: What the expert sees, from the raw robosuite environment.
        robosuite_name: robosuite's name of the task.
        version: Raised whenever the expert acts differently, so that no unfinished collection mixes two experts.
    """

    make: Callable[..., LiftExpert]
    read: Callable[[Any], GraspState]
    robosuite_name: str
    version: int = 1

    def begin(self, rng: np.random.Generator) -> DemonstrationExpert:
        """The expert of one episode, some of which begin with a lead-in.

        Args:
            rng: The episode's random stream.
        """
        return DemonstrationExpert(rng, make_expert=self.make)


def read_can(robosuite_env: Any) -> PlaceState:
    """What an expert needs of robosuite's PickPlaceCan; the can is round, so the fingers need not turn."""
    position = _body_position(robosuite_env, "Can_main")
    return PlaceState(
        **read_gripper(robosuite_env),
        cube_position=position,
        cube_rotation=np.eye(3),
        object_position=position,
        object_axis=np.array([1.0, 0.0, 0.0]),
        goal_position=_CAN_GOAL_M,
    )


def read_stack(robosuite_env: Any) -> PlaceState:
    """What an expert needs of robosuite's Stack."""
    position, below = (_body_position(robosuite_env, name) for name in ("cubeA_main", "cubeB_main"))
    rotation = _body_rotation(robosuite_env, "cubeA_main")
    return PlaceState(
        **read_gripper(robosuite_env),
        cube_position=position,
        cube_rotation=rotation,
        object_position=position,
        object_axis=rotation[:, 0],
        goal_position=below + _STACK_GOAL_M,
        obstacle_position=below,
    )


def read_square(robosuite_env: Any) -> PlaceState:
    """What an expert needs of robosuite's NutAssemblySquare; the nut is gripped by its handle."""
    handle = robosuite_env.sim.data.get_site_xpos("SquareNut_handle_site")
    rotation = _body_rotation(robosuite_env, "SquareNut_main")
    return PlaceState(
        **read_gripper(robosuite_env),
        cube_position=np.array(handle),
        cube_rotation=rotation @ _QUARTER_TURN,
        object_position=_body_position(robosuite_env, "SquareNut_main"),
        object_axis=rotation[:, 0],
        goal_position=_body_position(robosuite_env, "peg1") + _SQUARE_GOAL_M,
    )


#: The near corner of the can's compartment: its middle, robosuite's goal, is beyond the upright hand's reach.
_CAN_GOAL_M = np.array([0.155, 0.34, 0.895])
#: robosuite's can is 50 mm wide and 80 mm high.
_CAN_GRIP = Grip(
    open_enough_m=0.037,
    lift_starts_opening_m=0.034,
    lift_full_opening_m=0.0265,
    missed_opening_m=0.018,
    grasp_height_m=(0.0, 0.012),
    clearance_m=(0.09, 0.12),
)
_CAN_PLACING = Placing(
    carry_height_m=(0.09, 0.12),
    funnel_radius_m=0.05,
    release_horizontal_m=0.03,
    release_vertical_m=0.02,
    goal_radius_m=0.015,
)

#: robosuite's red cube is 40 mm high and its green one 50 mm; 2 mm between them when the red one is let go.
_STACK_GOAL_M = np.array([0.0, 0.0, 0.047])
_STACK_PLACING = Placing(
    carry_height_m=(0.05, 0.07), release_horizontal_m=0.008, release_vertical_m=0.004, leave_speed=0.5
)

#: The nut's handle is 32 mm wide, the nut 20 mm high; robosuite's peg ends 0.1 m above its body.
_SQUARE_GRIP = Grip(
    lift_starts_opening_m=0.027,
    lift_full_opening_m=0.0185,
    missed_opening_m=0.012,
    grasp_height_m=(-0.003, 0.003),
    turn_rad=np.pi,
)
#: The fingers open along the handle's y.
_QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
#: The nut is let go around the peg, below its end.
_SQUARE_GOAL_M = np.array([0.0, 0.0, 0.06])
_SQUARE_PLACING = Placing(
    carry_height_m=(0.09, 0.11),
    funnel_radius_m=0.006,
    release_horizontal_m=0.007,
    release_vertical_m=0.02,
    # Not with the handle away from the robot: the upright hand does not reach that far.
    yaws_rad=(-np.pi / 2, np.pi / 2, np.pi),
    leave_speed=0.5,
)

#: Gymnasium id -> expert.
EXPERTS: Mapping[str, TaskExpert] = {
    "fdp_bench/Lift-v1": TaskExpert(LiftExpert, read_grasp_state, "Lift"),
    "fdp_bench/LiftWide-v1": TaskExpert(LiftExpert, read_grasp_state, "Lift"),
    "fdp_bench/Can-v1": TaskExpert(
        partial(PlaceExpert, placing=_CAN_PLACING, grip=_CAN_GRIP), read_can, "PickPlaceCan"
    ),
    "fdp_bench/Stack-v1": TaskExpert(partial(PlaceExpert, placing=_STACK_PLACING), read_stack, "Stack"),
    "fdp_bench/Square-v1": TaskExpert(
        partial(PlaceExpert, placing=_SQUARE_PLACING, grip=_SQUARE_GRIP), read_square, "NutAssemblySquare"
    ),
    "fdp_bench/Door-v1": TaskExpert(DoorExpert, read_door, "Door"),
}


def resolve_expert_task(task: str) -> str:
    """Gymnasium id of a task with a scripted expert, from its id or its short name such as ``"Lift"``.

    Raises:
        SpecError: If there is no such task, or no expert for it.
    """
    task_id = resolve_task(task)
    if task_id not in EXPERTS:
        way = "" if task_id in TASKS else f"; {way_to('record some', task_id)}"
        raise SpecError(f"no scripted expert for task {task!r}{nearest(task, EXPERTS)}{way}")
    return task_id


def _body_position(robosuite_env: Any, body: str) -> Vector:
    return np.array(robosuite_env.sim.data.get_body_xpos(body))


def _body_rotation(robosuite_env: Any, body: str) -> Vector:
    return np.array(robosuite_env.sim.data.get_body_xmat(body)).reshape(3, 3)

"""Tasks: Gymnasium environments on robosuite, registered as ``fdp_bench/Lift-v1`` and so on.

``import fdp_bench`` is enough for `gymnasium.make` to know them; see `fdp_bench.tasks.registration`.
Importing this module loads neither Gymnasium, robosuite nor mujoco.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fdp_bench.api.modality import TaskInfo

NAMESPACE = "fdp_bench"


@dataclass(frozen=True)
class Task:
    """A task that the package brings.

    Attributes:
        id: Gymnasium id.
        summary: One line: what must be done.
        success: The success rule in words.
        horizon: Control steps after which an episode is truncated.
        control_hz: Control steps a second of simulated time.
        entry_point: Import path of the environment's class.
        senses: Which sense the task needs, and for what.
        painted: What shifts of the scene paint as the object.
        options: Arguments of the class that make it this task.
        bundled: Whether weights for it come with the package.
    """

    id: str
    summary: str
    success: str
    horizon: int
    control_hz: int
    entry_point: str
    senses: str
    painted: str
    options: Mapping[str, Any] = field(default_factory=dict)
    bundled: bool = False

    @property
    def short_name(self) -> str:
        """Name without namespace and version, for instance ``"Lift"``."""
        return self.id.partition("/")[2].rpartition("-v")[0]

    @property
    def version(self) -> int:
        """Version of the task: dynamics, picture and rules."""
        return int(self.id.rpartition("-v")[2])


_LIFTED = "the cube's centre is more than 4 cm above the table top"
_LIFT_CLASS = "fdp_bench.tasks.lift:LiftEnv"

#: Gymnasium id -> task.
TASKS: Mapping[str, Task] = {
    task.id: task
    for task in (
        Task(
            id="fdp_bench/Lift-v1",
            summary="Lift a cube placed within +-3 cm of the table's centre",
            success=_LIFTED,
            horizon=200,
            control_hz=20,
            entry_point=_LIFT_CLASS,
            senses="vision finds the cube; proprioception alone lifts it two times in three",
            painted="the cube",
            options={"placement_range_m": 0.03},
            bundled=True,
        ),
        Task(
            id="fdp_bench/LiftWide-v1",
            summary="Lift a cube placed within +-12 cm of the table's centre",
            success=_LIFTED,
            horizon=200,
            control_hz=20,
            entry_point=_LIFT_CLASS,
            senses="vision finds the cube; proprioception alone hardly ever meets it",
            painted="the cube",
            options={"placement_range_m": 0.12},
            bundled=True,
        ),
        Task(
            id="fdp_bench/Can-v1",
            summary="Carry a can from anywhere in one bin to its place in the other",
            success="the can lies in its compartment of the right bin and the hand is over 4.2 cm away from it",
            horizon=400,
            control_hz=20,
            entry_point="fdp_bench.tasks.can:CanEnv",
            senses="vision finds the can; the bins stand still, so proprioception alone knows the way back",
            painted="the can",
            bundled=True,
        ),
        Task(
            id="fdp_bench/Stack-v1",
            summary="Stack a red cube on a green one, both placed within +-8 cm of the table's centre",
            success="the red cube touches the green one, over 4 cm above the table, and nothing holds it",
            horizon=400,
            control_hz=20,
            entry_point="fdp_bench.tasks.stack:StackEnv",
            senses="vision finds both cubes",
            painted="the red cube, never in a hue near the green one's",
        ),
        Task(
            id="fdp_bench/Square-v1",
            summary="Put a square nut, lying in any turn, around a square peg 7 mm narrower on each side",
            success="the nut is around the peg, under 5 cm above the table, and the hand is over 4.2 cm away from it",
            horizon=400,
            control_hz=20,
            entry_point="fdp_bench.tasks.square:SquareEnv",
            senses="vision finds the nut and its turn; the peg stands still",
            painted="the square nut",
        ),
        Task(
            id="fdp_bench/Door-v1",
            summary="Turn a door's handle and pull the door open, wherever its frame stands within 1 cm and 14 degrees",
            success="the hinge is open by more than 0.3 rad, of the 0.4 that it has",
            horizon=400,
            control_hz=20,
            entry_point="fdp_bench.tasks.door:DoorEnv",
            senses="vision finds the handle, whose place varies by little; proprioception feels what it gives way to",
            painted="the whole door in one colour: panel, frame and handle",
        ),
    )
}


def resolve_task(name: str) -> str:
    """Turn a task's short name or id into its id.

    Args:
        name: ``"Lift"``, ``"Lift-v1"``, ``"fdp_bench/Lift-v1"``; or ``"module:namespace/Env-v0"`` for
            anybody's environment, which is returned as it is, and Gymnasium answers for it; or the path of a map, a
            ``.toml`` file, which is read and remembered (`fdp_bench.tasks.external.registry`); or a map's name or id.

    Raises:
        SpecError: If there is no such task, or something is wrong in the map.
    """
    from fdp_bench.api.errors import SpecError, nearest
    from fdp_bench.tasks.external.registry import find_map, load_map, packaged_maps

    if name.endswith(".toml"):
        return load_map(Path(name)).id
    if ":" in name or name in TASKS:
        return name
    for task in TASKS.values():
        if name in (task.short_name, task.id.partition("/")[2]):
            return task.id
    mapped = [task_id.partition("/")[2] for task_id in packaged_maps()]
    for versioned in mapped:
        if name in (versioned, versioned.rpartition("-v")[0], f"{NAMESPACE}/{versioned}"):
            return f"{NAMESPACE}/{versioned}"
    if find_map(name) or ("/" in name and not name.startswith(f"{NAMESPACE}/")):
        return name
    short_names = [task.short_name for task in TASKS.values()]
    short_names += [versioned.rpartition("-v")[0] for versioned in mapped]
    raise SpecError(f"task {name!r} is not known{nearest(name, short_names)} ('fdp-bench list' shows all)")


def describe(task_id: str) -> "TaskInfo":
    """What a policy may know about a task of the package, without building it.

    Args:
        task_id: Key of `TASKS`.
    """
    module, _, name = TASKS[task_id].entry_point.partition(":")
    info: TaskInfo = getattr(importlib.import_module(module), name).describe(task_id)
    return info

"""Stack one cube on another with a Panda arm: ``fdp_bench/Stack-v1``."""

from typing import Any

from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import make_physics
from fdp_bench.sim.scene import FINGER_REACH_M
from fdp_bench.tasks.base import RobosuiteEnv


class StackEnv(RobosuiteEnv):
    """robosuite's Stack; see `RobosuiteEnv`.

    Both cubes lie within 8 cm in x and y of the table's centre, as robosuite places them. Success: the red cube
    touches the green one, its centre is more than 4 cm above the table, and the gripper does not hold it.

    Args:
        task_id: Gymnasium id.
        **settings: See `RobosuiteEnv`.
    """

    horizon = 400

    def __init__(self, *, task_id: str = "fdp_bench/Stack-v1", **settings: Any) -> None:
        super().__init__(task_id=task_id, **settings)

    def _make_physics(self) -> Any:
        return make_physics("Stack")

    def _layout(self) -> SceneLayout:
        return SceneLayout(
            target_bodies=("cubeA_main",),
            object_prefixes=("cubeA_",),
            workspace_radius_m=0.08 * 2.0**0.5 + FINGER_REACH_M,
            partner_bodies=("cubeB_main",),
        )

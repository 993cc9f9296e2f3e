"""Turn a door's handle and pull the door open with a Panda arm: ``fdp_bench/Door-v1``."""

from typing import Any

from fdp_bench.api.scene import Surface
from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import make_physics
from fdp_bench.tasks.base import RobosuiteEnv

#: Distractors stand on a shelf on the robot's other side, where agentview sees them and the arm never comes.
_STAND = Surface((-0.30, 0.31), (0.22, 0.13))


class DoorEnv(RobosuiteEnv):
    """robosuite's Door with its latch; see `RobosuiteEnv`.

    The door's frame stands within 1 cm in x and y of its place and in a turn of up to 0.25 rad, as robosuite places
    it. Success: the hinge is open by more than 0.3 rad, of the 0.4 that it has.

    Args:
        task_id: Gymnasium id.
        **settings: See `RobosuiteEnv`.
    """

    horizon = 400
    picture_version = 3

    def __init__(self, *, task_id: str = "fdp_bench/Door-v1", **settings: Any) -> None:
        super().__init__(task_id=task_id, **settings)

    def _make_physics(self) -> Any:
        return make_physics("Door", use_object_obs=False)

    def _layout(self) -> SceneLayout:
        return SceneLayout(
            target_bodies=("Door_latch",),
            target_site="Door_handle",
            object_prefixes=("Door_",),
            # The door swings over what little room the table has.
            workspace_radius_m=0.45,
            further_surfaces=(_STAND,),
            stand=_STAND,
        )

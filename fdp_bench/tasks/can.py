"""Put a can into its bin with a Panda arm: ``fdp_bench/Can-v1``."""

from typing import Any

from fdp_bench.api.scene import Surface
from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import make_physics
from fdp_bench.sim.slots import SLOTS_WITHOUT_CAN
from fdp_bench.tasks.base import RobosuiteEnv

#: Where robosuite wants the can, metres, world frame: the far left compartment of the right bin, its middle.
GOAL_XY = (0.1975, 0.4025)
#: The two compartments of the right bin next to the left one, without their walls. In their middles robosuite shows
#: what belongs there: a milk carton and a loaf, 4 cm wide.
_COMPARTMENTS = tuple(Surface((x, 0.155), (0.09, 0.115), taken_radius=0.02) for x in (0.0, 0.2))


class CanEnv(RobosuiteEnv):
    """robosuite's PickPlaceCan; see `RobosuiteEnv`.

    The can stands anywhere in the left bin, 22 cm by 32 cm about its middle, as robosuite places it. Success: it
    lies in its compartment of the right bin and the hand is more than 4.2 cm away from it.

    Args:
        task_id: Gymnasium id.
        **settings: See `RobosuiteEnv`.
    """

    horizon = 400

    def __init__(self, *, task_id: str = "fdp_bench/Can-v1", **settings: Any) -> None:
        super().__init__(task_id=task_id, **settings)

    def _make_physics(self) -> Any:
        return make_physics("PickPlaceCan", use_object_obs=False)

    def _layout(self) -> SceneLayout:
        # Distractors stand in the can's bin, clear of the can and of the hand's ways; where a can in its middle leaves
        # no room for them, in the other one.
        return SceneLayout(
            target_bodies=("Can_main",),
            object_prefixes=("Can_",),
            table_bodies=("bin1", "bin2"),
            surface_body="bin1",
            surface_margin_m=0.01,
            workspace_xy=GOAL_XY,
            workspace_radius_m=0.14,
            further_surfaces=_COMPARTMENTS,
            distractor_slots=SLOTS_WITHOUT_CAN,
        )

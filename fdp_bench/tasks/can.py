"""Put a can into its bin with a Panda arm: ``fdp_bench/Can-v1``."""

from typing import Any

from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import make_physics
from fdp_bench.tasks.base import RobosuiteEnv

#: Where robosuite wants the can, metres, world frame: the far left compartment of the right bin, its middle.
GOAL_XY = (0.1975, 0.4025)


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
        # Distractors stand in the can's bin, clear of the can and of the hand's ways; the other bin has walls inside.
        return SceneLayout(
            target_bodies=("Can_main",),
            object_prefixes=("Can_",),
            table_bodies=("bin1", "bin2"),
            surface_body="bin1",
            surface_margin_m=0.01,
            workspace_xy=GOAL_XY,
            workspace_radius_m=0.14,
        )

"""Put a square nut on its peg with a Panda arm: ``fdp_bench/Square-v1``."""

from typing import Any

from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import make_physics
from fdp_bench.tasks.base import RobosuiteEnv


class SquareEnv(RobosuiteEnv):
    """robosuite's NutAssemblySquare; see `RobosuiteEnv`.

    The nut lies 11 to 22.5 cm left of the table's middle line, in any turn, as robosuite places it. Success: its
    centre is within 3 cm in x and y of the square peg's and less than 5 cm above the table, and the hand is more
    than 4.2 cm away from it.

    Args:
        task_id: Gymnasium id.
        **settings: See `RobosuiteEnv`.
    """

    horizon = 400

    def __init__(self, *, task_id: str = "fdp_bench/Square-v1", **settings: Any) -> None:
        super().__init__(task_id=task_id, **settings)

    def _make_physics(self) -> Any:
        return make_physics("NutAssemblySquare", use_object_obs=False)

    def _layout(self) -> SceneLayout:
        return SceneLayout(
            target_bodies=("SquareNut_main",),
            object_prefixes=("SquareNut_",),
            # Between the nuts' places and the pegs, with both.
            workspace_xy=(0.06, 0.08),
            workspace_radius_m=0.27,
            partner_bodies=("peg1", "peg2"),
        )

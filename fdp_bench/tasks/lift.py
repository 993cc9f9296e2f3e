"""Lift a cube with a Panda arm: ``fdp_bench/Lift-v1`` and ``fdp_bench/LiftWide-v1``."""

from typing import Any

import numpy as np

from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import make_lift
from fdp_bench.sim.scene import FINGER_REACH_M
from fdp_bench.tasks.base import RobosuiteEnv

#: Control steps after which an episode is truncated.
HORIZON = 200


class LiftEnv(RobosuiteEnv):
    """robosuite's Lift; see `RobosuiteEnv`.

    Success: the cube's centre is more than 4 cm above the table top.

    Args:
        task_id: Gymnasium id.
        placement_range_m: The cube's centre is drawn within plus and minus this in x and y about the table's
            centre; robosuite's own value is 0.03.
        **settings: See `RobosuiteEnv`.
    """

    horizon = HORIZON
    picture_version = 1

    def __init__(
        self, *, task_id: str = "fdp_bench/Lift-v1", placement_range_m: float = 0.03, **settings: Any
    ) -> None:
        self._placement_range_m = placement_range_m
        super().__init__(task_id=task_id, **settings)

    def _make_physics(self) -> Any:
        return make_lift(self._placement_range_m)

    def _layout(self) -> SceneLayout:
        reach = float(np.sqrt(2.0) * self._placement_range_m + FINGER_REACH_M)
        return SceneLayout(("cube_main",), ("cube_",), workspace_radius_m=reach)

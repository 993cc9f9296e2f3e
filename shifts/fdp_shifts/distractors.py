"""Distractors: household objects that no demonstration showed, standing on the table, seen and never touched.

They exist in the drawn scene alone, so the dynamics cannot feel them; and they stand where neither gripper nor
target passes, so the pictures stay physically plausible. Objects are placed one by one: those of a low severity
stand at the same places at each higher one, for the same episode.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Footprint, Scene, SceneShift, UnsupportedShiftError

#: Number of distractors at severity 1.
MAX_DISTRACTORS = 6
#: Least gap between footprints, metres.
GAP_M = 0.01
#: Spacing of the grid of places tried, metres.
GRID_M = 0.02
#: Height at which a place must be seen by a camera, metres above the table.
SEEN_HEIGHT_M = 0.05
#: How near to the frame's edge that point may lie, as a fraction of the frame.
EDGE_MARGIN = 0.04


def distractor_count(severity: float) -> int:
    """Number of distractors for a severity in [0, 1]: none at 0, else 1 to 6."""
    return max(1, round(MAX_DISTRACTORS * severity)) if severity > 0.0 else 0


class Distractors(SceneShift):
    """Unseen household objects on the table."""

    name = "distractors"
    summary = "1-6 unseen household objects on the table, seen and not touched"

    def dress(self, scene: Scene) -> dict[str, Any]:
        """Place the objects; see `SceneShift.dress`."""
        count = distractor_count(self.severity)
        slots = [scene.distractor_slots[i] for i in self.rng.permutation(len(scene.distractor_slots))]
        occupied = [*scene.keep_clear, scene.workspace]
        placed = []
        for slot in slots[:count]:
            yaw = self.rng.uniform(-np.pi, np.pi)
            radius = scene.slot_radius(slot)
            places = free_places(scene, radius, occupied, self.camera_keys)
            if len(places) == 0:
                break
            x, y = places[self.rng.integers(len(places))].tolist()
            scene.place_distractor(slot, xy=(x, y), yaw=yaw)
            occupied.append(Footprint((x, y), radius))
            placed.append({"slot": slot, "xy_m": [x, y], "yaw_rad": yaw})
        if len(placed) < count:
            raise UnsupportedShiftError(
                f"shift 'distractors' found room for {len(placed)} of {count} objects on the table of "
                f"{self.env.unwrapped}; use a lower severity"
            )
        return {"count": count, "objects": placed}


def free_places(
    scene: Scene, radius: float, occupied: Sequence[Footprint], camera_keys: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Places on the table where an upright object stands free and is seen by a camera.

    Args:
        scene: The drawn scene.
        radius: Radius of the object's footprint, metres.
        occupied: Circles that it must not touch.
        camera_keys: Cameras of which one must see the place.

    Returns:
        World x and y, metres, shape (K, 2); K may be 0.
    """
    center = np.array(scene.table_center)
    room = np.array(scene.table_half_extent) - radius
    axes = [np.arange(-half, half, GRID_M) + offset for half, offset in zip(room, center[:2], strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    for circle in occupied:
        distance = np.linalg.norm(grid - np.array(circle.center_xy), axis=1)
        grid = grid[distance >= circle.radius + radius + GAP_M]
    heights = np.full((len(grid), 1), center[2] + SEEN_HEIGHT_M)
    seen = [
        any(_in_frame(scene.project(key, point)) for key in camera_keys)
        for point in np.hstack([grid, heights])
    ]
    free: npt.NDArray[np.float64] = grid[np.array(seen, dtype=np.bool_)]
    return free


def _in_frame(uv: tuple[float, float] | None) -> bool:
    return uv is not None and all(EDGE_MARGIN <= value <= 1.0 - EDGE_MARGIN for value in uv)

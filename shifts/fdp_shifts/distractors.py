"""Distractors: household objects that no demonstration showed, standing on the table, seen and never touched.

They exist in the drawn scene alone, so the dynamics cannot feel them; and they stand where neither the gripper
nor the target passes, so the pictures stay plausible. They are placed one by one: the objects of a low severity
stand at the same places at each higher one, for the same episode.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Footprint, Scene, SceneShift, Surface, UnsupportedShiftError
from fdp_bench.api.receipt import DISTRACTOR, TARGET

#: Number of distractors at severity 1.
MAX_DISTRACTORS = 6
#: Least gap between two distractors, metres.
GAP_M = 0.01
#: Least gap to where the target and the gripper can be, metres: the hand is wider than its fingers.
CLEARANCE_M = 0.03
#: Least gap to the straight ways from the robot's base and its gripper to the target: the forearm is over them.
WAY_CLEARANCE_M = 0.08
#: Spacing of the grid of places tried, metres.
GRID_M = 0.02
#: Fewest pixels, over all cameras, by which a distractor must be seen on the first frame.
SEEN_PIXELS = 12
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

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        return {"objects": str(distractor_count(severity))}

    def dress(self, scene: Scene) -> dict[str, Any]:
        """Place the objects; see `SceneShift.dress`."""
        count = distractor_count(self.severity)
        if not scene.distractor_slots:
            raise UnsupportedShiftError(
                f"shift 'distractors' puts objects on a table, and {self.env.unwrapped} has no table that they could "
                "stand on; use another shift, such as 'color' or 'camera_pose'"
            )
        if len(scene.distractor_slots) < count:
            raise UnsupportedShiftError(
                f"shift 'distractors' needs {count} objects, and {self.env.unwrapped} has "
                f"{len(scene.distractor_slots)}; use a lower severity"
            )
        slots = [scene.distractor_slots[i] for i in self.rng.permutation(len(scene.distractor_slots))]
        kept_free = [
            Footprint(circle.center_xy, circle.radius + CLEARANCE_M - GAP_M)
            for circle in (*scene.keep_clear, scene.workspace)
        ]
        placed: list[dict[str, Any]] = []
        for slot in slots[:count]:
            yaw = self.rng.uniform(-np.pi, np.pi)
            radius = scene.slot_radius(slot)
            xy = self._place(scene, slot, radius, kept_free, yaw)
            kept_free.append(Footprint(xy, radius))
            placed.append({"slot": slot, "xy_m": list(xy), "yaw_rad": yaw})
        return {"count": count, "objects": placed}

    def _place(
        self, scene: Scene, slot: str, radius: float, kept_free: Sequence[Footprint], yaw: float
    ) -> tuple[float, float]:
        """Stand an object at random on the table, else on a further surface, else on one of the robot's ways."""
        # Counted once: a place that was tried in vain leaves the object standing there.
        before = _seen_pixels(scene, self.camera_keys)
        for places in (free_places, free_places_beyond, free_places_on_the_ways):
            tried = self.rng.permutation(places(scene, radius, kept_free))
            xy = self._first_seen(scene, slot, tried, yaw, before)
            if xy is not None:
                return xy
        raise UnsupportedShiftError(
            f"shift 'distractors' finds no place for {slot!r} on the table of {self.env.unwrapped} where a camera "
            "sees it; use a lower severity"
        )

    def _first_seen(
        self,
        scene: Scene,
        slot: str,
        places: npt.NDArray[np.float64],
        yaw: float,
        before: npt.NDArray[np.int64],
    ) -> tuple[float, float] | None:
        """Stand an object at the first of `places`, shape (K, 2), where it is seen and hides no target."""
        height = scene.table_center[2] + SEEN_HEIGHT_M
        for x, y in places.tolist():
            point = np.array([x, y, height])
            if not any(_in_frame(scene.project(key, point)) for key in self.camera_keys):
                continue
            scene.place_distractor(slot, xy=(x, y), yaw=yaw)
            after = _seen_pixels(scene, self.camera_keys)
            if after[DISTRACTOR] >= before[DISTRACTOR] + SEEN_PIXELS and after[TARGET] == before[TARGET]:
                return x, y
        return None


def free_places(scene: Scene, radius: float, kept_free: Sequence[Footprint]) -> npt.NDArray[np.float64]:
    """Places on the table where an upright object stands free, off the robot's ways to the target.

    Args:
        scene: The drawn scene.
        radius: Radius of the object's footprint, metres.
        kept_free: Circles that it must stay `GAP_M` away from.

    Returns:
        World x and y, metres, shape (K, 2); K may be 0.
    """
    x, y, _ = scene.table_center
    return _off_the_ways(
        scene, _grid(Surface((x, y), scene.table_half_extent), radius, kept_free), radius, scene.keep_clear
    )


def free_places_beyond(
    scene: Scene, radius: float, kept_free: Sequence[Footprint]
) -> npt.NDArray[np.float64]:
    """Places likewise on the further surfaces, which the target may be carried over: its way is kept free too.

    Args and returns as for `free_places`.
    """
    places = [
        _grid(surface, radius, [*kept_free, Footprint(surface.center_xy, surface.taken_radius - GAP_M)])
        for surface in scene.further_surfaces
    ]
    ways = [*scene.keep_clear, scene.workspace]
    return _off_the_ways(scene, np.concatenate([np.empty((0, 2)), *places]), radius, ways)


def free_places_on_the_ways(
    scene: Scene, radius: float, kept_free: Sequence[Footprint]
) -> npt.NDArray[np.float64]:
    """Places on any surface, the robot's ways to the target among them: the hand may pass over such an object.

    Args and returns as for `free_places`.
    """
    table = Surface(scene.table_center[:2], scene.table_half_extent)
    return np.concatenate([_grid(surface, radius, kept_free) for surface in (table, *scene.further_surfaces)])


def _grid(surface: Surface, radius: float, kept_free: Sequence[Footprint]) -> npt.NDArray[np.float64]:
    """Places on a surface that stay away from circles, shape (K, 2)."""
    room = np.array(surface.half_extent) - radius
    axes = [
        np.arange(-half, half, GRID_M) + middle for half, middle in zip(room, surface.center_xy, strict=True)
    ]
    grid: npt.NDArray[np.float64] = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    for circle in kept_free:
        distance = np.linalg.norm(grid - np.array(circle.center_xy), axis=1)
        grid = grid[distance >= circle.radius + radius + GAP_M]
    return grid


def _off_the_ways(
    scene: Scene, places: npt.NDArray[np.float64], radius: float, circles: Sequence[Footprint]
) -> npt.NDArray[np.float64]:
    """Those of some places, shape (K, 2), that are off the straight ways from circles' centres to the target."""
    target = scene.target_position[:2]
    for circle in circles:
        distance = distance_to_segment(places, np.array(circle.center_xy), target)
        places = places[distance >= radius + WAY_CLEARANCE_M]
    return places


def distance_to_segment(
    points: npt.NDArray[np.float64], start: npt.NDArray[np.float64], end: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distance of points, shape (K, 2), from the straight line between two points, shape (K,)."""
    way = end - start
    share = np.clip((points - start) @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
    distance: npt.NDArray[np.float64] = np.linalg.norm(points - start - share[:, None] * way, axis=1)
    return distance


def _seen_pixels(scene: Scene, camera_keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number of pixels of each segmentation label, over all cameras."""
    labels = np.concatenate([scene.segmentation(key).ravel() for key in camera_keys])
    return np.bincount(labels, minlength=DISTRACTOR + 1)


def _in_frame(uv: tuple[float, float] | None) -> bool:
    return uv is not None and all(EDGE_MARGIN <= value <= 1.0 - EDGE_MARGIN for value in uv)

"""The drawn scene of any MuJoCo model: a copy of it that follows the physics, and that shifts may change.

Implements `fdp_bench.api.scene.Scene` for environments that this package did not make. They keep their own model and
state; both are only read here. There are no distractors: nobody knows what stands firm in a strange room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import ShiftConfigError, SpecError, nearest
from fdp_bench.api.receipt import GRIPPER, OTHER, TARGET
from fdp_bench.api.scene import Footprint, Surface
from fdp_bench.sim.drawn import Profile
from fdp_bench.sim.dressed_scene import DressedScene
from fdp_bench.sim.look import Look
from fdp_bench.sim.model_mirror import ModelMirror
from fdp_bench.sim.model_parts import DRAWN_GROUPS, bodies_below, make_parts, paint_by_geom
from fdp_bench.sim.renderer import Renderer

#: Profiles by name. Sites are drawn in both: in many environments they are the goal.
MODEL_PROFILES = {
    "fast": Profile("fast", samples=0, shadows=False, reflections=False, sites=True, reduction=None),
    "reference": Profile("reference", samples=4, shadows=True, reflections=True, sites=True, reduction=None),
}
#: Tendons, flexes and skins are drawn in as many pieces as this at the most.
_OTHER_THINGS = 2000


@dataclass(frozen=True)
class ModelLayout:
    """What a scene must know of a model, by its names.

    Attributes:
        cameras: Camera key -> (name of the model's camera, side of a frame in pixels).
        target: Bodies that count as the target, with what hangs on them; () for none.
        gripper: Likewise for the gripper.
        parts: Part -> bodies painted as that part, with what hangs on them.
    """

    cameras: Mapping[str, tuple[str, int]]
    target: tuple[str, ...] = ()
    gripper: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] | None = None


class ModelScene(DressedScene):
    """See `fdp_bench.api.scene.Scene`.

    Where no target or gripper is named, the model's own centre (``model.stat.center``) takes its place.

    Args:
        model: The environment's `mujoco.MjModel`; only read.
        data: Its `mujoco.MjData`; only read.
        profile: How frames are drawn.
        layout: The model's cameras and bodies.

    Raises:
        SpecError: If the model has no such camera or body.
    """

    def __init__(self, model: Any, data: Any, profile: Profile, layout: ModelLayout) -> None:
        super().__init__()
        self._profile, self._layout = profile, layout
        self._mirror(model, data)

    def follow(self, model: Any, data: Any) -> None:
        """Draw another model from now on, which the environment made in the first one's place."""
        self.close()
        self._mirror(model, data)

    def _mirror(self, model: Any, data: Any) -> None:
        self._copy = ModelMirror(model, data)
        self.model, self.data = self._copy.model, self._copy.data
        self.model.vis.quality.offsamples = self._profile.samples
        self._cameras = {
            key: (_camera_id(self.model, key, name), side)
            for key, (name, side) in self._layout.cameras.items()
        }
        self._parts = make_parts(self.model, self._layout.parts or {})
        self._geom_class = self._classify_geoms()
        self._renderer = Renderer(self.model, self.data, self._profile, DRAWN_GROUPS, _OTHER_THINGS)
        self._dress()

    def restore(self) -> None:
        """Undo all changes, and take over how the environment itself looks now; called at each reset."""
        self._look.restore()
        stale = self._look.stale_textures
        self._copy.take_looks()
        self._dress()
        self._look.stale_textures |= stale

    def _dress(self) -> None:
        paint_by_geom(self.model, self._parts)
        self._look = Look(self.model, self._parts)

    # What a shift may change, beside the look

    @property
    def fixed_cameras(self) -> tuple[str, ...]:
        """See `Scene.fixed_cameras`."""
        import mujoco

        fixed = int(mujoco.mjtCamLight.mjCAMLIGHT_FIXED)
        return tuple(
            key
            for key, (camera, _) in self._cameras.items()
            if self.model.cam_bodyid[camera] == 0 and self.model.cam_mode[camera] == fixed
        )

    @property
    def distractor_slots(self) -> tuple[str, ...]:
        """See `Scene.distractor_slots`: none."""
        return ()

    def slot_radius(self, slot: str) -> float:
        """See `Scene.slot_radius`: there is no slot."""
        raise ShiftConfigError(f"distractor slot {slot!r} is not known{nearest(slot, ())}")

    def place_distractor(self, slot: str, *, xy: tuple[float, float], yaw: float) -> None:
        """See `Scene.place_distractor`: there is no slot."""
        del xy, yaw
        raise ShiftConfigError(f"distractor slot {slot!r} is not known{nearest(slot, ())}")

    # Where things are

    def sync(self) -> None:
        """See `DressedScene.sync`."""
        self._copy.sync()

    @property
    def table_half_extent(self) -> tuple[float, float]:
        """See `Scene.table_half_extent`: no room for anything."""
        return (0.0, 0.0)

    @property
    def table_center(self) -> tuple[float, float, float]:
        """See `Scene.table_center`: the model's centre."""
        x, y, z = self._center
        return (float(x), float(y), float(z))

    @property
    def further_surfaces(self) -> Sequence[Surface]:
        """See `Scene.further_surfaces`: none."""
        return ()

    @property
    def workspace(self) -> Footprint:
        """See `Scene.workspace`: all of the model."""
        return Footprint(self.table_center[:2], float(self.model.stat.extent))

    @property
    def keep_clear(self) -> Sequence[Footprint]:
        """See `Scene.keep_clear`: the workspace is everything."""
        return ()

    @property
    def target_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.target_position`: the middle of the target's drawn geoms."""
        return self._middle(TARGET)

    @property
    def gripper_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.gripper_position`: the middle of the gripper's drawn geoms."""
        return self._middle(GRIPPER)

    @property
    def _center(self) -> npt.NDArray[np.float64]:
        return np.array(self.model.stat.center)

    def _middle(self, label: int) -> npt.NDArray[np.float64]:
        geoms = self._geom_class == label
        if not geoms.any():
            return self._center
        self.sync()
        places = self.data.geom_xpos[geoms]
        return (places.min(axis=0) + places.max(axis=0)) / 2.0  # type: ignore[no-any-return]

    def _view(self, key: str) -> tuple[int, int]:
        if key not in self._cameras:
            raise ShiftConfigError(f"camera {key!r} is not known{nearest(key, self._cameras)}")
        return self._cameras[key]

    def _classify_geoms(self) -> npt.NDArray[np.uint8]:
        target, gripper = (
            bodies_below(self.model, names) for names in (self._layout.target, self._layout.gripper)
        )
        classes = np.full(self.model.ngeom, OTHER, np.uint8)
        drawn = np.isin(self.model.geom_group, DRAWN_GROUPS)
        for label, bodies in ((GRIPPER, gripper), (TARGET, target)):
            classes[drawn & np.isin(self.model.geom_bodyid, list(bodies))] = label
        return classes


def _camera_id(model: Any, key: str, name: str) -> int:
    names = [model.camera(camera).name for camera in range(model.ncam)]
    if name not in names:
        raise SpecError(f"{key!r}: the model has no camera {name!r}{nearest(name, filter(None, names))}")
    return names.index(name)

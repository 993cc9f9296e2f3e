"""The drawn scene of any MuJoCo model: a copy of it that follows the physics, and that shifts may change.

Implements `fdp_bench.api.scene.Scene` for environments that this package did not make. They keep their own model and
state; both are only read here. There are no distractors: nobody knows what stands firm in a strange room.
"""

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import ShiftConfigError, SpecError, nearest
from fdp_bench.api.modality import Observation
from fdp_bench.api.receipt import GRIPPER, OTHER, TARGET
from fdp_bench.api.scene import Footprint, Surface, SurfacePattern
from fdp_bench.sim.cameras import project_point
from fdp_bench.sim.drawn import Profile
from fdp_bench.sim.look import Look
from fdp_bench.sim.model_parts import DRAWN_GROUPS, bodies_below, make_parts, paint_by_geom
from fdp_bench.sim.renderer import Renderer

#: Profiles by name. Sites are drawn in both: in many environments they are the goal.
MODEL_PROFILES = {
    "fast": Profile("fast", samples=0, shadows=False, reflections=False, sites=True, reduction=None),
    "reference": Profile("reference", samples=4, shadows=True, reflections=True, sites=True, reduction=None),
}
#: Arrays of the model that say where things are: no shift changes them, so they are copied before each frame.
_PLACES = (
    "body_pos",
    "body_quat",
    "geom_pos",
    "geom_quat",
    "geom_size",
    "site_pos",
    "site_quat",
    "site_size",
)
#: Arrays that shifts change too: what the task itself changes of them is taken over row by row.
_LOOKS = (
    *("geom_rgba", "geom_group", "mat_rgba", "site_rgba", "cam_pos", "cam_quat", "cam_fovy"),
    *("light_pos", "light_dir", "light_diffuse", "light_ambient", "light_specular"),
)
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


class ModelScene:
    """See `fdp_bench.api.scene.Scene`.

    Where no target or gripper is named, the model's own centre (``model.stat.center``) takes its place.

    Args:
        model: The environment's `mujoco.MjModel`; only read.
        data: Its `mujoco.MjData`; only read.
        profile: How frames are drawn.
        layout: The model's cameras and bodies.

    Attributes:
        model: The drawn model.
        data: Its state.
        drawing_s: Seconds spent on pictures so far.

    Raises:
        SpecError: If the model has no such camera or body.
    """

    def __init__(self, model: Any, data: Any, profile: Profile, layout: ModelLayout) -> None:
        self._profile, self._layout = profile, layout
        self.drawing_s = 0.0
        self._renderer: Renderer | None = None
        self.follow(model, data)

    def follow(self, model: Any, data: Any) -> None:
        """Draw this model from now on: the first one, or one that the environment made in its place."""
        import mujoco

        self.close()
        self._physics_model, self._physics = model, data
        self.model = copy.copy(model)
        self.data = mujoco.MjData(self.model)
        if self._profile.samples:
            self.model.vis.quality.offsamples = self._profile.samples
        else:
            self.model.vis.quality.offsamples = 0
        self._cameras = {
            key: (_camera_id(self.model, key, name), side)
            for key, (name, side) in self._layout.cameras.items()
        }
        self._target = bodies_below(self.model, self._layout.target)
        self._gripper = bodies_below(self.model, self._layout.gripper)
        self._parts = make_parts(self.model, self._layout.parts or {})
        self._geom_class = self._classify_geoms()
        self._look: Look | None = None
        self._renderer = Renderer(self.model, self.data, self._profile, DRAWN_GROUPS, _OTHER_THINGS)
        self.restore()

    # What a shift may change

    @property
    def material_groups(self) -> Mapping[str, tuple[str, ...]]:
        """See `Scene.material_groups`."""
        return {name: part.names for name, part in self._parts.items()}

    def part_rgba(self, part: str) -> npt.NDArray[np.float32]:
        """See `Scene.part_rgba`."""
        return self._dressed.part_rgba(part)

    def tint_part(self, part: str, rgb: npt.NDArray[np.floating[Any]], *, amount: float) -> None:
        """See `Scene.tint_part`."""
        self._dressed.tint_part(part, rgb, amount=amount)

    def texture_part(self, part: str, pattern: SurfacePattern, *, amount: float) -> None:
        """See `Scene.texture_part`."""
        self._dressed.texture_part(part, pattern, amount=amount)

    @property
    def main_light_rgb(self) -> npt.NDArray[np.float64]:
        """See `Scene.main_light_rgb`."""
        return self._dressed.main_light_rgb

    def set_lights(
        self,
        *,
        diffuse_scale: npt.NDArray[np.floating[Any]],
        ambient_scale: npt.NDArray[np.floating[Any]],
        specular_scale: npt.NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """See `Scene.set_lights`."""
        self._dressed.set_lights(
            diffuse_scale=diffuse_scale, ambient_scale=ambient_scale, specular_scale=specular_scale
        )

    def turn_lights(self, *, azimuth_rad: float, tilt_rad: float) -> None:
        """See `Scene.turn_lights`; here they turn about the model's centre."""
        self._dressed.turn_lights(azimuth_rad=azimuth_rad, tilt_rad=tilt_rad, center=self._center)

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

    def move_camera(
        self,
        key: str,
        *,
        offset_m: npt.NDArray[np.floating[Any]],
        rotation_rad: npt.NDArray[np.floating[Any]],
    ) -> None:
        """See `Scene.move_camera`."""
        self._dressed.move_camera(self._camera(key), offset_m=offset_m, rotation_rad=rotation_rad)

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

    def restore(self) -> None:
        """Undo all changes, and take over how the environment itself looks now; called at each reset."""
        stale: set[int] = set()
        if self._look is not None:
            self._look.restore()
            stale = self._look.stale_textures
        self._seen_looks = {name: np.array(getattr(self._physics_model, name)) for name in _LOOKS}
        for name, seen in self._seen_looks.items():
            getattr(self.model, name)[:] = seen
        paint_by_geom(self.model, self._parts)
        self._look = Look(self.model, self._parts)
        self._look.stale_textures |= stale

    # Where things are

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

    # What is seen

    def sync(self) -> None:
        """Take over the physics' state and compute where everything is."""
        import mujoco

        for name in _PLACES:
            getattr(self.model, name)[:] = getattr(self._physics_model, name)
        for name, seen in self._seen_looks.items():
            present = getattr(self._physics_model, name)
            if not np.array_equal(present, seen):
                rows = (present != seen).reshape(len(seen), -1).any(axis=1)
                getattr(self.model, name)[rows] = present[rows]
                seen[:] = present
        for name in ("qpos", "mocap_pos", "mocap_quat"):
            getattr(self.data, name)[:] = getattr(self._physics, name)
        for compute in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_camlight, mujoco.mj_flex):
            compute(self.model, self.data)
        mujoco.mj_tendon(self.model, self.data)

    def frames(self, keys: Sequence[str]) -> Observation:
        """See `Scene.frames`."""
        with self._drawing() as renderer:
            return {
                key: renderer.frame(camera, width=side, height=side)
                for key, (camera, side) in ((key, self._view(key)) for key in keys)
            }

    def picture(self, key: str, side: int) -> npt.NDArray[np.uint8]:
        """Draw a larger frame for people, shape (side, side, 3)."""
        with self._drawing() as renderer:
            return renderer.frame(self._camera(key), width=side, height=side)

    def segmentation(self, key: str) -> npt.NDArray[np.uint8]:
        """See `Scene.segmentation`."""
        camera, side = self._view(key)
        with self._drawing() as renderer:
            geoms = renderer.geom_ids(camera, width=side, height=side)
        return np.where(geoms >= 0, self._geom_class[geoms], OTHER).astype(np.uint8)

    def project(self, key: str, point: npt.NDArray[np.floating[Any]]) -> tuple[float, float] | None:
        """See `Scene.project`."""
        self.sync()
        return project_point(self.model, self.data, self._camera(key), point)

    def close(self) -> None:
        """Free what the scene holds on the graphics side."""
        if self._renderer is not None:
            self._renderer.close()

    @property
    def _dressed(self) -> Look:
        assert self._look is not None
        return self._look

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

    def _camera(self, key: str) -> int:
        return self._view(key)[0]

    def _classify_geoms(self) -> npt.NDArray[np.uint8]:
        classes = np.full(self.model.ngeom, OTHER, np.uint8)
        drawn = np.isin(self.model.geom_group, DRAWN_GROUPS)
        for label, bodies in ((GRIPPER, self._gripper), (TARGET, self._target)):
            classes[drawn & np.isin(self.model.geom_bodyid, list(bodies))] = label
        return classes

    @contextmanager
    def _drawing(self) -> Iterator[Renderer]:
        start = time.monotonic()
        renderer, look = self._renderer, self._dressed
        assert renderer is not None
        try:
            self.sync()
            # Only now: a texture that several changes met is uploaded once.
            while look.stale_textures:
                renderer.upload_texture(look.stale_textures.pop())
            yield renderer
        finally:
            self.drawing_s += time.monotonic() - start


def _camera_id(model: Any, key: str, name: str) -> int:
    names = [model.camera(camera).name for camera in range(model.ncam)]
    if name not in names:
        raise SpecError(f"{key!r}: the model has no camera {name!r}{nearest(name, filter(None, names))}")
    return names.index(name)

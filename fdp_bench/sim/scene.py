"""The drawn scene of an environment: what it shows, and what scene-level shifts may change of it.

Implements `fdp_bench.api.scene.Scene` on a drawn model whose joints mirror the physics model's; nothing here
can reach the physics.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import ShiftConfigError, nearest
from fdp_bench.api.modality import Observation
from fdp_bench.api.scene import Footprint
from fdp_bench.sim.drawn import Profile, texture_pixels
from fdp_bench.sim.parts import Part, find_parts
from fdp_bench.sim.renderer import Renderer
from fdp_bench.sim.slots import SLOT_PREFIX, SLOTS, VISIBLE_GROUP

#: Camera key -> name of robosuite's camera.
CAMERAS = {"image.agentview": "agentview", "image.wrist": "robot0_eye_in_hand"}
#: Side of an observation's frames, pixels.
FRAME_SIDE = 84

#: Model arrays that a shift may change; put back at each reset.
_RESTORED = (
    "mat_rgba",
    "geom_rgba",
    "geom_group",
    "light_diffuse",
    "light_ambient",
    "light_specular",
    "light_pos",
    "light_dir",
    "cam_pos",
    "cam_quat",
    "cam_fovy",
)
_OTHER, _TARGET, _GRIPPER, _DISTRACTOR = range(4)
#: Circles on the table, metres: the cube with the gripper's fingers around it; the Panda's base.
_FINGER_REACH_M = 0.08
_BASE_RADIUS_M = 0.15


class DrawnScene:
    """See `fdp_bench.api.scene.Scene`.

    Args:
        model: Drawn model, `mujoco.MjModel`, owned by the scene.
        physics_model: The physics model; only read.
        physics_data: The physics state; only read.
        profile: How frames are drawn.
        placement_range_m: Half side of the square that the cube is placed in.

    Attributes:
        model: The drawn model.
        data: Its state.
        drawing_s: Seconds spent on pictures so far: frames, segmentations and changed textures.
    """

    def __init__(
        self, model: Any, physics_model: Any, physics_data: Any, profile: Profile, placement_range_m: float
    ) -> None:
        import mujoco

        if not np.array_equal(model.jnt_qposadr, physics_model.jnt_qposadr) or model.nq != physics_model.nq:
            raise AssertionError("the drawn model's joints are not laid out as the physics model's")
        self.model = model
        self.data = mujoco.MjData(model)
        self.drawing_s = 0.0
        self._physics_model, self._physics = physics_model, physics_data
        self._sites_drawn = profile.sites
        self._renderer = Renderer(model, self.data, profile)
        self._placement_range_m = placement_range_m
        self._clean = {name: getattr(model, name).copy() for name in _RESTORED}
        self._clean_headlight = {
            name: np.array(getattr(model.vis.headlight, name)) for name in ("diffuse", "ambient", "specular")
        }
        self._clean_textures: dict[int, npt.NDArray[np.uint8]] = {}
        self._parts = find_parts(model)
        self._geom_class = self._classify_geoms()
        self._cube = model.body("cube_main").id
        self._grip_site = model.site("gripper0_right_grip_site").id

    # What a shift may change

    @property
    def material_groups(self) -> Mapping[str, tuple[str, ...]]:
        """See `Scene.material_groups`."""
        return {name: part.names for name, part in self._parts.items()}

    def part_rgba(self, part: str) -> npt.NDArray[np.float32]:
        """See `Scene.part_rgba`: a textured material counts with its texture's mean colour."""
        found = self._part(part)
        rows = []
        for material in found.materials:
            rgba = self.model.mat_rgba[material].copy()
            texture = found.texture_of[material]
            if texture >= 0:
                rgba[:3] *= texture_pixels(self.model, texture)[..., :3].mean(axis=(0, 1)) / 255.0
            rows.append(rgba)
        rows.extend(self.model.geom_rgba[geom].copy() for geom in found.geoms)
        return np.array(rows, np.float32)

    def tint_part(self, part: str, rgb: npt.NDArray[np.floating[Any]], *, amount: float) -> None:
        """See `Scene.tint_part`."""
        if not 0.0 <= amount <= 1.0:
            raise ShiftConfigError(f"tint amount {amount!r} is outside [0, 1]")
        found = self._part(part)
        colour = np.clip(np.asarray(rgb, np.float64), 0.0, 1.0)
        for material in found.materials:
            texture = found.texture_of[material]
            self.model.mat_rgba[material, :3] += amount * (
                (colour if texture < 0 else 1.0) - self.model.mat_rgba[material, :3]
            )
            if texture >= 0:
                self._tint_texture(texture, colour, amount)
        for geom in found.geoms:
            self.model.geom_rgba[geom, :3] += amount * (colour - self.model.geom_rgba[geom, :3])

    def set_lights(
        self, *, diffuse_scale: npt.NDArray[np.floating[Any]], ambient_scale: npt.NDArray[np.floating[Any]]
    ) -> None:
        """See `Scene.set_lights`; scales the clean colours, so the last call counts."""
        self.model.light_diffuse[:] = self._clean["light_diffuse"] * diffuse_scale
        self.model.light_ambient[:] = self._clean["light_ambient"] * ambient_scale
        self.model.vis.headlight.diffuse[:] = self._clean_headlight["diffuse"] * diffuse_scale
        self.model.vis.headlight.ambient[:] = self._clean_headlight["ambient"] * ambient_scale

    @property
    def distractor_slots(self) -> tuple[str, ...]:
        """See `Scene.distractor_slots`."""
        return SLOTS

    def slot_radius(self, slot: str) -> float:
        """See `Scene.slot_radius`."""
        points = self._slot_points(slot)
        center = (points.min(axis=0) + points.max(axis=0)) / 2.0
        return float(np.linalg.norm((points - center)[:, :2], axis=1).max())

    def place_distractor(self, slot: str, *, xy: tuple[float, float], yaw: float) -> None:
        """See `Scene.place_distractor`."""
        points = self._slot_points(slot)
        low, high = points.min(axis=0), points.max(axis=0)
        center = (low + high) / 2.0
        cos, sin = np.cos(yaw), np.sin(yaw)
        mocap = self.model.body(SLOT_PREFIX + slot).mocapid[0]
        self.data.mocap_pos[mocap] = (
            xy[0] - cos * center[0] + sin * center[1],
            xy[1] - sin * center[0] - cos * center[1],
            self.table_center[2] - low[2],
        )
        self.data.mocap_quat[mocap] = (np.cos(yaw / 2.0), 0.0, 0.0, np.sin(yaw / 2.0))
        self.model.geom_group[self.model.geom(SLOT_PREFIX + slot).id] = VISIBLE_GROUP

    def restore(self) -> None:
        """Undo all changes; the environment calls it at each reset."""
        for name, clean in self._clean.items():
            getattr(self.model, name)[:] = clean
        for name, clean in self._clean_headlight.items():
            getattr(self.model.vis.headlight, name)[:] = clean
        for texture, pixels in self._clean_textures.items():
            texture_pixels(self.model, texture)[:] = pixels
            self._upload(texture)
        self._clean_textures.clear()

    # Where things are

    @property
    def table_half_extent(self) -> tuple[float, float]:
        """See `Scene.table_half_extent`."""
        size = self.model.geom("table_visual").size
        return (float(size[0]), float(size[1]))

    @property
    def table_center(self) -> tuple[float, float, float]:
        """See `Scene.table_center`."""
        table = self.model.geom("table_visual")
        position = self.model.body(table.bodyid[0]).pos + table.pos
        return (float(position[0]), float(position[1]), float(position[2] + table.size[2]))

    @property
    def workspace(self) -> Footprint:
        """See `Scene.workspace`."""
        x, y, _ = self.table_center
        return Footprint((x, y), float(np.sqrt(2.0) * self._placement_range_m + _FINGER_REACH_M))

    @property
    def keep_clear(self) -> Sequence[Footprint]:
        """See `Scene.keep_clear`."""
        base = self.model.body("robot0_base").pos
        target, gripper = self.target_position, self.gripper_position
        return (
            Footprint((float(target[0]), float(target[1])), _FINGER_REACH_M),
            Footprint((float(gripper[0]), float(gripper[1])), _FINGER_REACH_M),
            Footprint((float(base[0]), float(base[1])), _BASE_RADIUS_M),
        )

    @property
    def target_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.target_position`."""
        self.sync()
        return self.data.xpos[self._cube].copy()  # type: ignore[no-any-return]

    @property
    def gripper_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.gripper_position`."""
        self.sync()
        return self.data.site_xpos[self._grip_site].copy()  # type: ignore[no-any-return]

    # What is seen

    def sync(self) -> None:
        """Take over the physics' joint positions and compute where everything is."""
        import mujoco

        self.data.qpos[:] = self._physics.qpos
        if self._sites_drawn:
            # robosuite switches its sites off by colour, at each reset.
            self.model.site_rgba[:] = self._physics_model.site_rgba
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def frames(self, keys: Sequence[str]) -> Observation:
        """See `Scene.frames`."""
        with self._drawing():
            self.sync()
            return {
                key: self._renderer.frame(self._camera(key), width=FRAME_SIDE, height=FRAME_SIDE)
                for key in keys
            }

    def picture(self, key: str, side: int) -> npt.NDArray[np.uint8]:
        """Draw a larger frame for people, shape (side, side, 3)."""
        self.sync()
        return self._renderer.frame(self._camera(key), width=side, height=side)

    def segmentation(self, key: str) -> npt.NDArray[np.uint8]:
        """See `Scene.segmentation`."""
        with self._drawing():
            self.sync()
            geoms = self._renderer.geom_ids(self._camera(key), width=FRAME_SIDE, height=FRAME_SIDE)
        return np.where(geoms >= 0, self._geom_class[geoms], _OTHER).astype(np.uint8)

    def project(self, key: str, point: npt.NDArray[np.floating[Any]]) -> tuple[float, float] | None:
        """See `Scene.project`."""
        self.sync()
        camera = self._camera(key)
        # MuJoCo's cameras look along -z, with x to the right and y up.
        x, y, z = self.data.cam_xmat[camera].reshape(3, 3).T @ (
            np.asarray(point) - self.data.cam_xpos[camera]
        )
        if z >= 0.0:
            return None
        half = np.tan(np.radians(self.model.cam_fovy[camera]) / 2.0)
        return (float(0.5 + x / (-z * half) / 2.0), float(0.5 - y / (-z * half) / 2.0))

    def close(self) -> None:
        """Free what the scene holds on the graphics side."""
        self._renderer.close()

    def _part(self, name: str) -> Part:
        if name not in self._parts:
            raise ShiftConfigError(f"scene part {name!r} is not known{nearest(name, self._parts)}")
        return self._parts[name]

    def _camera(self, key: str) -> int:
        if key not in CAMERAS:
            raise ShiftConfigError(f"camera {key!r} is not known{nearest(key, CAMERAS)}")
        return int(self.model.camera(CAMERAS[key]).id)

    def _slot_points(self, slot: str) -> npt.NDArray[np.float64]:
        """Vertices of a slot's mesh in its body's frame, shape (V, 3)."""
        import mujoco

        if slot not in SLOTS:
            raise ShiftConfigError(f"distractor slot {slot!r} is not known{nearest(slot, SLOTS)}")
        geom = self.model.geom(SLOT_PREFIX + slot)
        mesh = self.model.mesh(geom.dataid[0])
        vertices = self.model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, geom.quat)
        return vertices @ rotation.reshape(3, 3).T + geom.pos  # type: ignore[no-any-return]

    def _tint_texture(self, texture: int, colour: npt.NDArray[np.float64], amount: float) -> None:
        pixels = texture_pixels(self.model, texture)
        self._clean_textures.setdefault(texture, pixels.copy())
        blended = pixels[..., :3] * (1.0 - amount) + 255.0 * colour * amount
        pixels[..., :3] = np.rint(blended).astype(np.uint8)
        self._upload(texture)

    def _upload(self, texture: int) -> None:
        with self._drawing():
            self._renderer.upload_texture(texture)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.drawing_s += time.monotonic() - start

    def _classify_geoms(self) -> npt.NDArray[np.uint8]:
        classes = np.full(self.model.ngeom, _OTHER, np.uint8)
        for geom in range(self.model.ngeom):
            body = self.model.body(self.model.geom_bodyid[geom]).name
            if body == "cube_main":
                classes[geom] = _TARGET
            elif body.startswith("gripper0_"):
                classes[geom] = _GRIPPER
            elif body.startswith(SLOT_PREFIX):
                classes[geom] = _DISTRACTOR
        return classes

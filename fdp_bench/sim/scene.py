"""The drawn scene of an environment: what it shows, and what scene-level shifts may change of it.

Implements `fdp_bench.api.scene.Scene` on a drawn model whose joints mirror the physics model's; nothing here
can reach the physics.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import ShiftConfigError, nearest
from fdp_bench.api.receipt import DISTRACTOR, GRIPPER, OTHER, TARGET
from fdp_bench.api.scene import Footprint, Surface
from fdp_bench.sim.drawn import Profile
from fdp_bench.sim.dressed_scene import DressedScene
from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.look import Look
from fdp_bench.sim.parts import find_parts
from fdp_bench.sim.renderer import Renderer
from fdp_bench.sim.slots import SLOT_PREFIX, STAND, STAND_RGBA, STAND_THICKNESS_M, VISIBLE_GROUP

#: Camera key -> name of robosuite's camera.
CAMERAS = {"image.agentview": "agentview", "image.wrist": "robot0_eye_in_hand"}
#: Side of an observation's frames, pixels.
FRAME_SIDE = 84

#: Circles on the table, metres: the target with the gripper's fingers around it; the Panda's base.
FINGER_REACH_M = 0.08
_BASE_RADIUS_M = 0.15


class DrawnScene(DressedScene):
    """See `fdp_bench.api.scene.Scene`.

    Args:
        model: Drawn model, `mujoco.MjModel`, owned by the scene.
        physics_model: The physics model; only read.
        physics_data: The physics state; only read.
        profile: How frames are drawn.
        layout: The task's bodies.
    """

    def __init__(
        self, model: Any, physics_model: Any, physics_data: Any, profile: Profile, layout: SceneLayout
    ) -> None:
        import mujoco

        if not np.array_equal(model.jnt_qposadr, physics_model.jnt_qposadr) or model.nq != physics_model.nq:
            raise AssertionError("the drawn model's joints are not laid out as the physics model's")
        names = [
            [each.body(body).name for body in range(physics_model.nbody)] for each in (model, physics_model)
        ]
        if names[0] != names[1]:
            raise AssertionError("the drawn model's bodies do not begin with the physics model's")
        super().__init__()
        self.model = model
        self.data = mujoco.MjData(model)
        self._physics_model, self._physics = physics_model, physics_data
        self._sites_drawn = profile.sites
        self._renderer = Renderer(model, self.data, profile)
        self._layout = layout
        self._parts = find_parts(model, layout)
        self._look = Look(model, self._parts)
        self._geom_class = self._classify_geoms()
        self._target = model.body(layout.target_bodies[0]).id
        self._target_site = model.site(layout.target_site).id if layout.target_site else -1
        self._surface = self._first_visible_geom(layout.surface_body)
        self._grip_site = model.site("gripper0_right_grip_site").id

    # What a shift may change, beside the look

    @property
    def fixed_cameras(self) -> tuple[str, ...]:
        """See `Scene.fixed_cameras`."""
        return tuple(key for key in CAMERAS if self.model.cam_bodyid[self._view(key)[0]] == 0)

    @property
    def distractor_slots(self) -> tuple[str, ...]:
        """See `Scene.distractor_slots`."""
        return self._layout.distractor_slots

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
        self._show_stand_under(xy)

    # Where things are

    @property
    def table_half_extent(self) -> tuple[float, float]:
        """See `Scene.table_half_extent`."""
        size, margin = self.model.geom_size[self._surface], self._layout.surface_margin_m
        return (float(size[0]) - margin, float(size[1]) - margin)

    @property
    def table_center(self) -> tuple[float, float, float]:
        """See `Scene.table_center`."""
        body = self.model.geom_bodyid[self._surface]
        x, y, z = self.model.body_pos[body] + self.model.geom_pos[self._surface]
        return (float(x), float(y), float(z + self.model.geom_size[self._surface][2]))

    @property
    def further_surfaces(self) -> Sequence[Surface]:
        """See `Scene.further_surfaces`."""
        return self._layout.further_surfaces

    @property
    def workspace(self) -> Footprint:
        """See `Scene.workspace`."""
        center = self._layout.workspace_xy or self.table_center[:2]
        return Footprint(center, self._layout.workspace_radius_m)

    @property
    def keep_clear(self) -> Sequence[Footprint]:
        """See `Scene.keep_clear`."""
        base = self.model.body("robot0_base").pos
        target, gripper = self.target_position, self.gripper_position
        return (
            Footprint((float(target[0]), float(target[1])), FINGER_REACH_M),
            Footprint((float(gripper[0]), float(gripper[1])), FINGER_REACH_M),
            Footprint((float(base[0]), float(base[1])), _BASE_RADIUS_M),
            *(self._around(name) for name in self._layout.partner_bodies),
        )

    @property
    def target_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.target_position`."""
        self.sync()
        if self._target_site >= 0:
            return self.data.site_xpos[self._target_site].copy()  # type: ignore[no-any-return]
        return self.data.xpos[self._target].copy()  # type: ignore[no-any-return]

    @property
    def gripper_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.gripper_position`."""
        self.sync()
        return self.data.site_xpos[self._grip_site].copy()  # type: ignore[no-any-return]

    def sync(self) -> None:
        """See `DressedScene.sync`: the physics' joint positions."""
        import mujoco

        self.data.qpos[:] = self._physics.qpos
        # robosuite moves bodies without joints, a door's frame for instance, in the model itself.
        bodies = self._physics_model.nbody
        self.model.body_pos[:bodies] = self._physics_model.body_pos
        self.model.body_quat[:bodies] = self._physics_model.body_quat
        if self._sites_drawn:
            # robosuite switches its sites off by colour, at each reset.
            self.model.site_rgba[:] = self._physics_model.site_rgba
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def _show_stand_under(self, xy: tuple[float, float]) -> None:
        stand, height = self._layout.stand, self.table_center[2]
        if stand is None or not (np.abs(np.subtract(xy, stand.center_xy)) <= stand.half_extent).all():
            return
        geom = self.model.geom(STAND).id
        self.model.geom_size[geom] = (*stand.half_extent, STAND_THICKNESS_M / 2.0)
        self.model.geom_rgba[geom] = STAND_RGBA
        self.model.geom_group[geom] = VISIBLE_GROUP
        middle = height - STAND_THICKNESS_M / 2.0
        self.data.mocap_pos[self.model.body(STAND).mocapid[0]] = (*stand.center_xy, middle)

    def _around(self, body: str) -> Footprint:
        x, y, _ = self.data.xpos[self.model.body(body).id]
        return Footprint((float(x), float(y)), FINGER_REACH_M)

    def _first_visible_geom(self, body: str) -> int:
        geoms = np.flatnonzero(self.model.geom_bodyid == self.model.body(body).id)
        return int(next(geom for geom in geoms if self.model.geom_group[geom] == VISIBLE_GROUP))

    def _view(self, key: str) -> tuple[int, int]:
        if key not in CAMERAS:
            raise ShiftConfigError(f"camera {key!r} is not known{nearest(key, CAMERAS)}")
        return int(self.model.camera(CAMERAS[key]).id), FRAME_SIDE

    def _slot_points(self, slot: str) -> npt.NDArray[np.float64]:
        """Vertices of a slot's mesh in its body's frame, shape (V, 3)."""
        import mujoco

        if slot not in self.distractor_slots:
            raise ShiftConfigError(
                f"distractor slot {slot!r} is not known{nearest(slot, self.distractor_slots)}"
            )
        geom = self.model.geom(SLOT_PREFIX + slot)
        mesh = self.model.mesh(geom.dataid[0])
        vertices = self.model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, geom.quat)
        return vertices @ rotation.reshape(3, 3).T + geom.pos  # type: ignore[no-any-return]

    def _classify_geoms(self) -> npt.NDArray[np.uint8]:
        classes = np.full(self.model.ngeom, OTHER, np.uint8)
        for geom in range(self.model.ngeom):
            body = self.model.body(self.model.geom_bodyid[geom]).name
            if body in self._layout.target_bodies:
                classes[geom] = TARGET
            elif body.startswith("gripper0_"):
                classes[geom] = GRIPPER
            elif body.startswith(SLOT_PREFIX) and body != STAND:
                classes[geom] = DISTRACTOR
        return classes

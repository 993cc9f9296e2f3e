"""Draws one drawn model on the process's OpenGL context."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.sim.drawn import Profile
from fdp_bench.sim.gl import SharedContext, shared_context
from fdp_bench.sim.slots import HIDDEN_GROUP

#: Largest frame, in pixels a side.
MAX_SIDE = 512


class Renderer:
    """Frames and segmentations of one drawn model.

    The model's meshes and textures are uploaded on the first frame, in the process that draws it.

    Args:
        model: Drawn model, `mujoco.MjModel`.
        data: Its `mujoco.MjData`, kinematics computed by the caller.
        profile: How it is drawn.
        geom_groups: Groups of geoms that are drawn; None for robosuite's.
        other_things: Things that may be drawn beside geoms and sites: tendons, flexes and the like.
    """

    def __init__(
        self,
        model: Any,
        data: Any,
        profile: Profile,
        geom_groups: Sequence[int] | None = None,
        other_things: int = 16,
    ) -> None:
        import mujoco

        self._model, self._data, self._profile = model, data, profile
        model.vis.global_.offwidth = model.vis.global_.offheight = MAX_SIDE
        if not profile.shadows:
            # The map would be made all the same, 64 MB large.
            model.vis.quality.shadowsize = 0
        self._options = mujoco.MjvOption()
        groups = [1, *([2] if profile.sites else [])] if geom_groups is None else geom_groups
        assert HIDDEN_GROUP not in groups
        self._options.geomgroup[:] = [group in groups for group in range(6)]
        self._other_things = other_things
        if not profile.sites:
            self._options.sitegroup[:] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._perturbation = mujoco.MjvPerturb()
        self._scene: Any = None
        self._uploaded: Any = None
        self._context: SharedContext | None = None

    def frame(self, camera: int, *, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Draw one camera's frame, shape (height, width, 3), upright, RGB.

        Args:
            camera: Camera id in the drawn model.
            width: Pixels, at most `MAX_SIDE`.
            height: Likewise.

        Raises:
            RenderingError: If no OpenGL context can be made, or another thread drew before.
        """
        return self._draw(camera, width, height)

    def geom_ids(self, camera: int, *, width: int, height: int) -> npt.NDArray[np.int32]:
        """Which geom each pixel shows, shape (height, width); -1 for none. Arguments as `frame`'s."""
        import mujoco

        self._prepare()
        flags = self._scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = 1
        try:
            colours = self._draw(camera, width, height).astype(np.int32)
        finally:
            flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = 0
        # A pixel's colour is the drawn thing's segmentation id plus one, red lowest; 0 is the background.
        numbers = colours @ np.array([1, 256, 65536])
        lookup = np.full(self._scene.ngeom + 1, -1, np.int32)
        for index in range(self._scene.ngeom):
            drawn = self._scene.geoms[index]
            if drawn.segid >= 0 and drawn.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                lookup[drawn.segid + 1] = drawn.objid
        ids: npt.NDArray[np.int32] = lookup[np.where(numbers <= self._scene.ngeom, numbers, 0)]
        return ids

    def upload_texture(self, texture: int) -> None:
        """Show a texture's changed pixels from the next frame on."""
        import mujoco

        if self._uploaded is not None:
            self._prepare()
            mujoco.mjr_uploadTexture(self._model, self._uploaded, texture)

    def close(self) -> None:
        """Free what was uploaded; nothing can be drawn afterwards. Safe to call twice."""
        if self._context is not None and self._context.process == os.getpid():
            self._context.make_current()
            self._uploaded.free()
            self._context.users.discard(self)
        self._uploaded = self._scene = self._context = None

    def __del__(self) -> None:
        # A dropped renderer would otherwise free its names on whichever context is current then.
        with contextlib.suppress(Exception):
            self.close()

    def _prepare(self) -> None:
        """Make the context current, uploading the model where that was not done in this process."""
        import mujoco

        context = shared_context()
        context.make_current()
        if self._context is not context:
            self._uploaded = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_50)
            self._context = context
            things = self._model.ngeom + self._model.nsite + self._other_things
            self._scene = mujoco.MjvScene(self._model, maxgeom=things)
            self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self._profile.shadows
            self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = self._profile.reflections
            context.users.add(self)
        # The bound framebuffer is the context's state, and models take turns on the context.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._uploaded)

    def _draw(self, camera: int, width: int, height: int) -> npt.NDArray[np.uint8]:
        import mujoco

        self._prepare()
        self._camera.fixedcamid = camera
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._options,
            self._perturbation,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._uploaded)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, viewport, self._uploaded)
        # OpenGL's first row is the lowest.
        return np.ascontiguousarray(pixels[::-1])

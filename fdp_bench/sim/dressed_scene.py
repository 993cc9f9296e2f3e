"""What the scene of any drawn model can do: be repainted, relit and looked at from elsewhere, and be drawn.

Half of `fdp_bench.api.scene.Scene`; where things are and what follows the physics, each kind of scene says itself.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation
from fdp_bench.api.receipt import OTHER
from fdp_bench.api.scene import SurfacePattern
from fdp_bench.sim.cameras import project_point
from fdp_bench.sim.look import Look
from fdp_bench.sim.parts import Part
from fdp_bench.sim.renderer import Renderer

Floats = npt.NDArray[np.floating[Any]]


class DressedScene(ABC):
    """A drawn model with its look and its cameras. Subclasses set all attributes but `drawing_s`.

    Attributes:
        model: Drawn model, `mujoco.MjModel`, owned by the scene.
        data: Its state.
        drawing_s: Seconds spent on pictures so far: frames, segmentations and changed textures.
    """

    model: Any
    data: Any
    _parts: Mapping[str, Part]
    _look: Look
    _renderer: Renderer
    #: Label of each geom, see `Scene.segmentation`.
    _geom_class: npt.NDArray[np.uint8]

    def __init__(self) -> None:
        self.drawing_s = 0.0

    @abstractmethod
    def sync(self) -> None:
        """Take over the physics' state and compute where everything is."""

    @property
    @abstractmethod
    def table_center(self) -> tuple[float, float, float]:
        """See `Scene.table_center`: what the lights turn about."""

    @abstractmethod
    def _view(self, key: str) -> tuple[int, int]:
        """A camera's id in the model, and the side of its frames in pixels.

        Raises:
            ShiftConfigError: If there is no such camera.
        """

    # What a shift may change

    @property
    def material_groups(self) -> Mapping[str, tuple[str, ...]]:
        """See `Scene.material_groups`."""
        return {name: part.names for name, part in self._parts.items()}

    def part_rgba(self, part: str) -> npt.NDArray[np.float32]:
        """See `Scene.part_rgba`."""
        return self._look.part_rgba(part)

    def tint_part(self, part: str, rgb: Floats, *, amount: float) -> None:
        """See `Scene.tint_part`."""
        self._look.tint_part(part, rgb, amount=amount)

    def texture_part(self, part: str, pattern: SurfacePattern, *, amount: float) -> None:
        """See `Scene.texture_part`."""
        self._look.texture_part(part, pattern, amount=amount)

    @property
    def main_light_rgb(self) -> npt.NDArray[np.float64]:
        """See `Scene.main_light_rgb`."""
        return self._look.main_light_rgb

    def set_lights(
        self, *, diffuse_scale: Floats, ambient_scale: Floats, specular_scale: Floats | None = None
    ) -> None:
        """See `Scene.set_lights`."""
        self._look.set_lights(
            diffuse_scale=diffuse_scale, ambient_scale=ambient_scale, specular_scale=specular_scale
        )

    def turn_lights(self, *, azimuth_rad: float, tilt_rad: float) -> None:
        """See `Scene.turn_lights`."""
        center = np.array(self.table_center)
        self._look.turn_lights(azimuth_rad=azimuth_rad, tilt_rad=tilt_rad, center=center)

    def move_camera(self, key: str, *, offset_m: Floats, rotation_rad: Floats) -> None:
        """See `Scene.move_camera`."""
        camera, _ = self._view(key)
        self._look.move_camera(camera, offset_m=offset_m, rotation_rad=rotation_rad)

    def restore(self) -> None:
        """Undo all changes; the environment calls it at each reset."""
        self._look.restore()

    # What is seen

    def frames(self, keys: Sequence[str]) -> Observation:
        """See `Scene.frames`."""
        with self._drawing():
            return {
                key: self._renderer.frame(camera, width=side, height=side)
                for key, (camera, side) in ((key, self._view(key)) for key in keys)
            }

    def picture(self, key: str, side: int) -> npt.NDArray[np.uint8]:
        """Draw a larger frame for people, shape (side, side, 3)."""
        camera, _ = self._view(key)
        with self._drawing():
            return self._renderer.frame(camera, width=side, height=side)

    def segmentation(self, key: str) -> npt.NDArray[np.uint8]:
        """See `Scene.segmentation`."""
        camera, side = self._view(key)
        with self._drawing():
            geoms = self._renderer.geom_ids(camera, width=side, height=side)
        return np.where(geoms >= 0, self._geom_class[geoms], OTHER).astype(np.uint8)

    def project(self, key: str, point: Floats) -> tuple[float, float] | None:
        """See `Scene.project`."""
        camera, _ = self._view(key)
        self.sync()
        return project_point(self.model, self.data, camera, point)

    def close(self) -> None:
        """Free what the scene holds on the graphics side."""
        self._renderer.close()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            self.sync()
            # Only now: a texture that several changes met is uploaded once.
            while self._look.stale_textures:
                self._renderer.upload_texture(self._look.stale_textures.pop())
            yield
        finally:
            self.drawing_s += time.monotonic() - start

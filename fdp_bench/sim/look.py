"""What a shift may change about a drawn model: surfaces, lights and cameras; put back at each reset."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import ShiftConfigError, nearest
from fdp_bench.api.scene import SurfacePattern
from fdp_bench.sim.drawn import texture_pixels
from fdp_bench.sim.parts import Part

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
_HEADLIGHT = ("diffuse", "ambient", "specular")
#: Lights stay this far above the horizon, radians: from below they would light the table's underside.
_LEAST_ELEVATION_RAD = np.radians(10.0)

Floats = npt.NDArray[np.floating[Any]]


class Look:
    """The look of a drawn model. What its methods do is said in `fdp_bench.api.scene.Scene`.

    Args:
        model: Drawn model, `mujoco.MjModel`; written to.
        parts: Its parts.

    Attributes:
        stale_textures: Textures whose pixels changed since they were uploaded last.
    """

    def __init__(self, model: Any, parts: Mapping[str, Part]) -> None:
        self._model, self._parts = model, parts
        self._clean = {name: getattr(model, name).copy() for name in _RESTORED}
        self._clean_headlight = {name: np.array(getattr(model.vis.headlight, name)) for name in _HEADLIGHT}
        self._clean_textures: dict[int, npt.NDArray[np.uint8]] = {}
        self.stale_textures: set[int] = set()

    def restore(self) -> None:
        """Undo all changes."""
        for name, clean in self._clean.items():
            getattr(self._model, name)[:] = clean
        for name, clean in self._clean_headlight.items():
            getattr(self._model.vis.headlight, name)[:] = clean
        for texture, pixels in self._clean_textures.items():
            texture_pixels(self._model, texture)[:] = pixels
            self.stale_textures.add(texture)
        self._clean_textures.clear()

    # Surfaces

    def part_rgba(self, part: str) -> npt.NDArray[np.float32]:
        """See `Scene.part_rgba`: a textured material counts with its texture's mean colour."""
        found = self._part(part)
        rows = []
        for material in found.materials:
            rgba = self._model.mat_rgba[material].copy()
            texture = found.texture_of[material]
            if texture >= 0:
                rgba[:3] *= texture_pixels(self._model, texture)[..., :3].mean(axis=(0, 1)) / 255.0
            rows.append(rgba)
        rows.extend(self._model.geom_rgba[geom].copy() for geom in found.geoms)
        return np.array(rows, np.float32)

    def tint_part(self, part: str, rgb: Floats, *, amount: float) -> None:
        """See `Scene.tint_part`."""
        colour = np.clip(np.asarray(rgb, np.float64), 0.0, 1.0)
        self._paint(part, lambda _: colour, colour, amount)

    def texture_part(
        self,
        part: str,
        pattern: SurfacePattern,
        *,
        amount: float,
    ) -> None:
        """See `Scene.texture_part`."""
        # What has no texture can take one colour only.
        places = np.meshgrid(np.arange(0.0, 1.0, 0.01), np.arange(0.0, 1.0, 0.01))
        mean = np.clip(pattern(*places), 0.0, 1.0).mean(axis=(0, 1))
        self._paint(
            part,
            lambda material: np.clip(pattern(*self._texel_places(material)), 0.0, 1.0),
            mean,
            amount,
        )

    def _paint(
        self,
        part: str,
        texels_of: Callable[[int], npt.NDArray[np.float64]],
        colour: npt.NDArray[np.float64],
        amount: float,
    ) -> None:
        """Blend a part's textures towards texels, (H, W, 3) or (3,), and what has no texture towards a colour."""
        if not 0.0 <= amount <= 1.0:
            raise ShiftConfigError(f"paint amount {amount!r} is outside [0, 1]")
        found = self._part(part)
        for material in found.materials:
            texture = found.texture_of[material]
            # A textured material's own colour multiplies its texture: white shows the texture as it is.
            wanted = colour if texture < 0 else 1.0
            self._model.mat_rgba[material, :3] += amount * (wanted - self._model.mat_rgba[material, :3])
            if texture >= 0:
                self._blend_texture(texture, texels_of(material), amount)
        for geom in found.geoms:
            self._model.geom_rgba[geom, :3] += amount * (colour - self._model.geom_rgba[geom, :3])

    def _blend_texture(self, texture: int, texels: npt.NDArray[np.float64], amount: float) -> None:
        pixels = texture_pixels(self._model, texture)
        self._clean_textures.setdefault(texture, pixels.copy())
        if pixels.shape[-1] < 3:
            texels = texels.mean(axis=-1, keepdims=True)
        channels = min(pixels.shape[-1], 3)
        blended = pixels[..., :channels] * (1.0 - amount) + 255.0 * texels * amount
        pixels[..., :channels] = np.rint(blended).astype(np.uint8)
        self.stale_textures.add(texture)

    def _texel_places(self, material: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Where the texels of a material's texture lie on its first surface, x and y in metres, shape (H, W)."""
        texture = next(
            part.texture_of[material] for part in self._parts.values() if material in part.texture_of
        )
        height, width = texture_pixels(self._model, texture).shape[:2]
        rows = width if height == 6 * width else height
        x_m, y_m = self._tile_m(material)
        x, y = np.meshgrid(
            (np.arange(width) + 0.5) / width * x_m, (np.arange(height) % rows + 0.5) / rows * y_m
        )
        return x, y

    def _tile_m(self, material: int) -> tuple[float, float]:
        """Width and height of one copy of a material's texture on the first surface that wears it, metres."""
        repeat = np.maximum(self._model.mat_texrepeat[material], 1e-6)
        if self._model.mat_texuniform[material]:
            return float(1.0 / repeat[0]), float(1.0 / repeat[1])
        geom = int(np.flatnonzero(self._model.geom_matid == material)[0])
        half = np.sort(self._model.geom_size[geom])[::-1]
        return float(2.0 * half[0] / repeat[0]), float(2.0 * (half[1] or half[0]) / repeat[1])

    def _part(self, name: str) -> Part:
        if name not in self._parts:
            raise ShiftConfigError(f"scene part {name!r} is not known{nearest(name, self._parts)}")
        return self._parts[name]

    # Lights

    @property
    def main_light_rgb(self) -> npt.NDArray[np.float64]:
        """See `Scene.main_light_rgb`."""
        diffuse = self._model.light_diffuse if self._model.nlight else [self._model.vis.headlight.diffuse]
        colours = np.asarray(diffuse, np.float64)
        return np.maximum(colours[colours.mean(axis=1).argmax()], 1e-6)  # type: ignore[no-any-return]

    def set_lights(
        self, *, diffuse_scale: Floats, ambient_scale: Floats, specular_scale: Floats | None = None
    ) -> None:
        """See `Scene.set_lights`."""
        specular = np.ones(3) if specular_scale is None else specular_scale
        for name, scale in (("diffuse", diffuse_scale), ("ambient", ambient_scale), ("specular", specular)):
            getattr(self._model, f"light_{name}")[:] = getattr(self._model, f"light_{name}") * scale
            getattr(self._model.vis.headlight, name)[:] = getattr(self._model.vis.headlight, name) * scale

    def turn_lights(self, *, azimuth_rad: float, tilt_rad: float, center: npt.NDArray[np.float64]) -> None:
        """Turn the lights about a point; see `Scene.turn_lights`.

        Args:
            azimuth_rad: Direction in which they come down, from the world's x axis.
            tilt_rad: By how much.
            center: What they turn about, metres.
        """
        axis = np.array([-np.sin(azimuth_rad), np.cos(azimuth_rad), 0.0])
        for light in range(self._model.nlight):
            direction = _rotated(self._model.light_dir[light], axis, tilt_rad)
            arm = _rotated(self._model.light_pos[light] - center, axis, tilt_rad)
            direction[2] = min(direction[2], -_lowest(direction))
            arm[2] = max(arm[2], _lowest(arm))
            self._model.light_dir[light] = direction / np.linalg.norm(direction)
            self._model.light_pos[light] = center + arm

    # Cameras

    def move_camera(self, camera: int, *, offset_m: Floats, rotation_rad: Floats) -> None:
        """Move a camera, by its id; see `Scene.move_camera`."""
        import mujoco

        turn, turned = np.zeros(4), np.zeros(4)
        angle = float(np.linalg.norm(rotation_rad))
        axis = np.asarray(rotation_rad, np.float64) / angle if angle > 0.0 else np.array([1.0, 0.0, 0.0])
        mujoco.mju_axisAngle2Quat(turn, axis, angle)
        mujoco.mju_mulQuat(turned, self._model.cam_quat[camera], turn)
        self._model.cam_quat[camera] = turned
        self._model.cam_pos[camera] += offset_m


def _lowest(way: npt.NDArray[np.float64]) -> float:
    """Height that a way must have to rise by the least elevation."""
    return float(np.hypot(way[0], way[1]) * np.tan(_LEAST_ELEVATION_RAD))


def _rotated(
    vector: npt.NDArray[np.float64], axis: npt.NDArray[np.float64], angle: float
) -> npt.NDArray[np.float64]:
    """Rodrigues' rotation of a vector about a unit axis."""
    rotated: npt.NDArray[np.float64] = (
        vector * np.cos(angle)
        + np.cross(axis, vector) * np.sin(angle)
        + axis * (axis @ vector) * (1.0 - np.cos(angle))
    )
    return rotated

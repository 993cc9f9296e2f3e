"""What a scene-level shift may touch: the model the cameras draw, never the one the physics steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation

#: Places on a surface, x and y in metres, each of shape (H, W) -> RGB in [0, 1], shape (H, W, 3).
SurfacePattern = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Footprint:
    """Where something stands on the table, world frame.

    Attributes:
        center_xy: Centre in metres, shape (2,).
        radius: Radius of the circle that holds it, metres.
    """

    center_xy: tuple[float, float]
    radius: float


@dataclass(frozen=True)
class Surface:
    """A level rectangle on which things may stand, as high as the table's top, world frame.

    Attributes:
        center_xy: Centre in metres, shape (2,).
        half_extent: Half lengths along world x and y, metres.
        taken_radius: Radius of the circle about the centre where something stands already, metres.
    """

    center_xy: tuple[float, float]
    half_extent: tuple[float, float]
    taken_radius: float = 0.0


class Scene(Protocol):
    """The drawn scene of an environment, restored to its clean state at each reset.

    Everything here changes pictures only. Sizes are in metres, angles in radians, colours in [0, 1], the
    frame is the world's.
    """

    @property
    def material_groups(self) -> Mapping[str, tuple[str, ...]]:
        """Parts that can be recoloured (``"object"``, ``"table"``, ``"floor"``, ``"walls"``, ``"robot"``).

        Where the task is about further objects (a cube to stack on, a peg), they are the part ``"partner"``.
        """

    def part_rgba(self, part: str) -> npt.NDArray[np.float32]:
        """Current colours of a part's materials or geoms, shape (K, 4).

        A textured material counts with the mean of its texture.
        """

    def tint_part(self, part: str, rgb: npt.NDArray[np.floating[Any]], *, amount: float) -> None:
        """Blend the drawn colour of a part towards `rgb`.

        Args:
            part: Key of `material_groups`.
            rgb: Target colour, shape (3,), in [0, 1].
            amount: 0 leaves the part, texture included, as it was; 1 paints it flatly with `rgb`.
        """

    def texture_part(self, part: str, pattern: SurfacePattern, *, amount: float) -> None:
        """Blend the drawn surface of a part towards a pattern.

        Args:
            part: Key of `material_groups`.
            pattern: Colours of places on the surface. What has no texture takes their mean.
            amount: 0 leaves the part as it was; 1 replaces its texture.
        """

    @property
    def main_light_rgb(self) -> npt.NDArray[np.float64]:
        """Diffuse colour of the brightest light, as it is now, shape (3,), each > 0."""

    def set_lights(
        self,
        *,
        diffuse_scale: npt.NDArray[np.floating[Any]],
        ambient_scale: npt.NDArray[np.floating[Any]],
        specular_scale: npt.NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """Scale all lights' colours, the headlight's too, by RGB factors, each of shape (3,) and >= 0.

        The colours as they are now are scaled, so shifts that act together multiply. Highlights stay as they
        are without `specular_scale`.
        """

    def turn_lights(self, *, azimuth_rad: float, tilt_rad: float) -> None:
        """Turn all lights but the headlight about the table's centre.

        Args:
            azimuth_rad: Where light from straight above would go then, from the world's x axis.
            tilt_rad: By how much; lights stay above the horizon.
        """

    @property
    def fixed_cameras(self) -> tuple[str, ...]:
        """Keys of the cameras that stand in the room; the others ride on the robot."""

    def move_camera(
        self,
        key: str,
        *,
        offset_m: npt.NDArray[np.floating[Any]],
        rotation_rad: npt.NDArray[np.floating[Any]],
    ) -> None:
        """Move and turn a camera from where it is now.

        Args:
            key: Camera key.
            offset_m: Along the axes of what it is mounted on, the world's for a fixed camera, shape (3,), metres.
            rotation_rad: Rotation vector about its own axes (right, up, backwards), shape (3,), radians.
        """

    @property
    def distractor_slots(self) -> tuple[str, ...]:
        """Names of the compiled-in hidden household objects, for instance ``"milk_0"``."""

    def slot_radius(self, slot: str) -> float:
        """Radius of the upright cylinder around an object's drawn shape, metres."""

    def place_distractor(self, slot: str, *, xy: tuple[float, float], yaw: float) -> None:
        """Stand a distractor upright on the table; it is drawn from now on until the next reset."""

    @property
    def table_half_extent(self) -> tuple[float, float]:
        """Half lengths of the table top along world x and y, metres."""

    @property
    def table_center(self) -> tuple[float, float, float]:
        """Centre of the table's top surface in the world, metres."""

    @property
    def further_surfaces(self) -> Sequence[Surface]:
        """Where things may stand besides the table, once that is full; often nowhere."""

    @property
    def workspace(self) -> Footprint:
        """Circle on the table that the target and the gripper's way to it can occupy in this task."""

    @property
    def keep_clear(self) -> Sequence[Footprint]:
        """Where nothing may be placed in this episode: the target and the robot's base."""

    def frames(self, keys: Sequence[str]) -> Observation:
        """Draw the current state: camera key -> frame, shape (H, W, 3), uint8."""

    def segmentation(self, key: str) -> npt.NDArray[np.uint8]:
        """Who is seen where, shape (H, W), uint8: 0 other, 1 target, 2 gripper, 3 distractor."""

    def project(self, key: str, point: npt.NDArray[np.floating[Any]]) -> tuple[float, float] | None:
        """Pixel of a world point as fractions (u, v) of width and height, origin top-left; None if behind."""

    @property
    def target_position(self) -> npt.NDArray[np.float64]:
        """Centre of the task's target object, shape (3,), metres. For shifts; never shown to a policy."""

    @property
    def gripper_position(self) -> npt.NDArray[np.float64]:
        """Grip site of the gripper, shape (3,), metres."""

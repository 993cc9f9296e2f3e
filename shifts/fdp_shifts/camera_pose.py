"""Camera pose shift: somebody bumped into the tripod.

Offsets are drawn once an episode, uniformly within a box that grows with the severity; for the same episode they
keep their direction. At level 1 the box is robot-colosseum's (arXiv 2402.08191, ``camera_pose``), +-0.1 m along each
axis and +-0.05 rad about each; level L is L times that.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np

from fdp_bench.api import IMAGE_PREFIX, Scene, SceneShift, ShiftConfigError, UnsupportedShiftError, nearest
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS

#: Largest offset along each axis at severity 1, metres.
MAX_OFFSET_M = 0.5
#: Largest rotation about each axis at severity 1, radians.
MAX_ROTATION_RAD = 0.25
#: A camera on the robot moves by this share of the offset, 5 cm at the most: its mount is no longer.
MOUNT_SHARE = 0.1


def offset_range_m(severity: float) -> float:
    """Largest offset of a camera that stands in the room along each axis, metres, for a severity in [0, 1]."""
    return MAX_OFFSET_M * severity


def rotation_range_rad(severity: float) -> float:
    """Largest rotation about each axis, radians, for a severity in [0, 1]."""
    return MAX_ROTATION_RAD * severity


class CameraPose(SceneShift):
    """Cameras that stand elsewhere and look elsewhere.

    Options:
        cameras: ``fixed`` (those that stand in the room: agentview), ``all``, or names joined by commas, for
            instance ``wrist``. A camera on the robot moves by a tenth of the offset.
        part: ``all``, ``position`` or ``rotation``.
    """

    name = "camera_pose"
    summary = "cameras moved and turned a little"
    keeps_view = False
    option_values: ClassVar = {"cameras": "fixed", "part": ("all", "position", "rotation")}
    shown_options: ClassVar = ({}, {"cameras": "wrist"})

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        asked = self.options["cameras"]
        known = [key.removeprefix(IMAGE_PREFIX) for key in self.camera_keys]
        for camera in asked.split(","):
            if asked not in ("fixed", "all") and camera not in known:
                raise ShiftConfigError(
                    f"option cameras={asked} of shift 'camera_pose' names unknown camera "
                    f"{camera!r}{nearest(camera, [*known, 'fixed', 'all'])}"
                )

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        share = 1.0 if options["cameras"] == "fixed" else MOUNT_SHARE
        return {
            "offset along each axis up to, m": f"{share * offset_range_m(severity):.2f}",
            "rotation about each axis up to, rad": f"{rotation_range_rad(severity):.3f}",
        }

    def dress(self, scene: Scene) -> dict[str, Any]:
        """Move the cameras; see `SceneShift.dress`."""
        # Drawn for all cameras and both parts: a choice leaves what it keeps as it was.
        directions = {key: self.rng.uniform(-1.0, 1.0, (2, 3)) for key in self.camera_keys}
        moved: dict[str, Any] = {}
        for key in self._moved_keys(scene):
            reach = offset_range_m(self.severity) * (1.0 if key in scene.fixed_cameras else MOUNT_SHARE)
            offset, rotation = directions[key] * np.array([[reach], [rotation_range_rad(self.severity)]])
            offset = offset if self.options["part"] != "rotation" else np.zeros(3)
            rotation = rotation if self.options["part"] != "position" else np.zeros(3)
            scene.move_camera(key, offset_m=offset, rotation_rad=rotation)
            moved[key] = {"offset_m": offset.tolist(), "rotation_rad": rotation.tolist()}
        return {"cameras": moved}

    def _moved_keys(self, scene: Scene) -> tuple[str, ...]:
        asked = self.options["cameras"]
        if asked == "all":
            return self.camera_keys
        if asked != "fixed":
            return tuple(
                key for key in self.camera_keys if key.removeprefix(IMAGE_PREFIX) in asked.split(",")
            )
        found = tuple(key for key in self.camera_keys if key in scene.fixed_cameras)
        if not found:
            raise UnsupportedShiftError(
                f"shift 'camera_pose' moves cameras that stand in the room, and {self.env.unwrapped} has none; "
                "try camera_pose?cameras=all"
            )
        return found

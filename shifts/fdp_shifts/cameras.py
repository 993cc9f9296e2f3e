"""Which cameras a shift acts on, and the base of the shifts that alter frames one by one."""

from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api import (
    IMAGE_PREFIX,
    Observation,
    ObservationShift,
    Shift,
    ShiftConfigError,
    UnsupportedShiftError,
    nearest,
)
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS

#: One frame, shape (H, W, 3), uint8, upright RGB.
Frame = npt.NDArray[np.uint8]


def chosen_cameras(shift: Shift) -> tuple[str, ...]:
    """Camera keys that a shift's option ``cameras`` names: ``all``, or names joined by commas.

    Raises:
        UnsupportedShiftError: If the environment has no camera.
        ShiftConfigError: If it has no camera of that name.
    """
    if not shift.camera_keys:
        raise UnsupportedShiftError(
            f"shift {shift.name!r} alters frames, and {shift.env.unwrapped} has no observation key "
            f"{IMAGE_PREFIX}<camera>"
        )
    if shift.options["cameras"] == "all":
        return shift.camera_keys
    known = {key.removeprefix(IMAGE_PREFIX): key for key in shift.camera_keys}
    asked = shift.options["cameras"].split(",")
    for camera in asked:
        if camera not in known:
            raise ShiftConfigError(
                f"option cameras={shift.options['cameras']} of shift {shift.name!r} names unknown camera "
                f"{camera!r}{nearest(camera, [*known, 'all'])}"
            )
    return tuple(key for camera, key in known.items() if camera in asked)


class FrameShift(ObservationShift):
    """A shift of camera frames, each by itself. Subclasses write `alter_frame`.

    What is drawn at random for a camera must not depend on which others are chosen.

    Options:
        cameras: ``all``, or names joined by commas, for instance ``agentview``.
    """

    option_values: ClassVar = {"cameras": "all"}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.altered_keys = chosen_cameras(self)

    @abstractmethod
    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """Return the altered frame of a camera for the current `self.step_count`.

        Args:
            key: Camera key.
            frame: Unaltered frame, shape (H, W, 3), uint8; not to be modified.
        """

    def alter(self, observation: Observation) -> Observation:
        """See `ObservationShift.alter`."""
        altered = dict(observation)
        for key in self.altered_keys:
            if key in observation:
                altered[key] = self.alter_frame(key, np.asarray(observation[key], dtype=np.uint8))
        return altered


def to_frame(picture: npt.NDArray[np.floating[Any]]) -> Frame:
    """Round and clip a picture of any shape with channels in [0, 255] to uint8."""
    frame: Frame = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return frame

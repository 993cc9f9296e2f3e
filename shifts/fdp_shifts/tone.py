"""Brightness and contrast of the frames, as ImageNet-C's ``brightness`` and ``contrast``.

They alter finished frames, as a camera with the wrong exposure does. What a dimmer or tinted lamp does to the scene
is `fdp_shifts.color`'s.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fdp_shifts import imagenet_c
from fdp_shifts.cameras import Frame, FrameShift, to_frame


def brightness_step(severity: float) -> float:
    """What is added to the value of HSV for a severity in [0, 1], in [0, 1]."""
    return imagenet_c.at_severity(imagenet_c.BRIGHTNESS, severity, clean=0.0)


def signed_step(severity: float, direction: str) -> float:
    """What is added to the value of HSV in a direction, ``brighter`` or ``darker``, in [-1, 1]."""
    return brightness_step(severity) * (-1.0 if direction == "darker" else 1.0)


def contrast_factor(severity: float) -> float:
    """Factor of the distance from each channel's mean for a severity in [0, 1], in (0, 1]."""
    return imagenet_c.at_severity(imagenet_c.CONTRAST, severity, clean=1.0)


def brighten(frame: Frame, step: float) -> Frame:
    """Add to the value of HSV; hue and saturation stay.

    Args:
        frame: Shape (H, W, 3), uint8. Not modified.
        step: In [-1, 1], where the value's range is 1.

    Returns:
        New frame, shape (H, W, 3), uint8. Black, which has no hue, becomes grey.
    """
    value = frame.max(axis=-1, keepdims=True).astype(np.float32)
    new_value = np.clip(value + np.float32(255 * step), 0, 255)
    # With hue and saturation fixed, the channels are proportional to the value.
    scaled = frame * (new_value / np.maximum(value, 1))
    return to_frame(np.where(value > 0, scaled, new_value))


def flatten(frame: Frame, factor: float) -> Frame:
    """Bring each channel nearer to its mean over the frame.

    Args:
        frame: Shape (H, W, 3), uint8. Not modified.
        factor: Of the distance from the mean, in [0, 1].

    Returns:
        New frame, shape (H, W, 3), uint8.
    """
    mean = frame.mean(axis=(0, 1)).astype(np.float32)
    return to_frame(mean + np.float32(factor) * (frame - mean))


class Brightness(FrameShift):
    """Overexposed frames.

    Options:
        cameras: See `FrameShift`.
        direction: ``brighter`` (ImageNet-C's) or ``darker`` (the same step down; not in ImageNet-C).
    """

    name = "brightness"
    summary = "overexposed frames (ImageNet-C), or underexposed ones"
    option_values: ClassVar = {**FrameShift.option_values, "direction": ("brighter", "darker")}
    shown_options: ClassVar = ({}, {"direction": "darker"})

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        del key
        return brighten(frame, signed_step(self.severity, self.options["direction"]))

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        return {"value of HSV plus, of 1": f"{signed_step(severity, options['direction']):+.1f}"}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"value_step": signed_step(self.severity, self.options["direction"])}


class Contrast(FrameShift):
    """Frames with little contrast.

    Options:
        cameras: See `FrameShift`.
    """

    name = "contrast"
    summary = "frames with little contrast (ImageNet-C)"
    option_values: ClassVar = dict(FrameShift.option_values)

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        del key
        return flatten(frame, contrast_factor(self.severity))

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        return {"distance from each channel's mean times": f"{contrast_factor(severity):.2f}"}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"factor": contrast_factor(self.severity)}

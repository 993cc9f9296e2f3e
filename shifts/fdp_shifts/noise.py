"""Noise in the frames: Gaussian, in each pixel and channel, as ImageNet-C's ``gaussian_noise``."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fdp_bench.api import Observation
from fdp_shifts import imagenet_c
from fdp_shifts.cameras import Frame, FrameShift, to_frame


def noise_sigma(severity: float) -> float:
    """Standard deviation of the noise for a severity in [0, 1], where a channel's range is 1."""
    return imagenet_c.at_severity(imagenet_c.GAUSSIAN_NOISE, severity, clean=0.0)


class Noise(FrameShift):
    """Gaussian noise, drawn for each pixel and channel.

    Options:
        cameras: See `FrameShift`.
        pattern: ``fresh`` (another one at each control step, as a sensor in the dark has it) or ``fixed`` (one for
            the whole episode, as a worn sensor has it).
    """

    name = "noise"
    summary = "Gaussian noise in the frames (ImageNet-C)"
    option_values: ClassVar = {**FrameShift.option_values, "pattern": ("fresh", "fixed")}

    def begin(self, observation: Observation) -> None:
        """Draw the episode's seed; the noise of a frame follows from it, the camera and the control step."""
        del observation
        self._seed = int(self.rng.integers(2**32))

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        step = 0 if self.options["pattern"] == "fixed" else self.step_count
        stream = np.random.default_rng([self._seed, self.camera_keys.index(key), step])
        noise = stream.standard_normal(frame.shape, dtype=np.float32)
        return to_frame(frame + np.float32(255 * noise_sigma(self.severity)) * noise)

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        return {"standard deviation, of a channel's range": f"{noise_sigma(severity):.2f}"}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"sigma": noise_sigma(self.severity), "noise_seed": self._seed}

"""Motion blur: frames smeared along a line, as ImageNet-C's ``motion_blur``, at the same share of the frame."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Observation
from fdp_shifts import imagenet_c
from fdp_shifts.cameras import Frame, FrameShift, to_frame


def smear(severity: float) -> tuple[float, float]:
    """Radius and standard deviation of the smear for a severity in [0, 1], pixels of a 224-pixel frame."""
    return (
        imagenet_c.at_severity(imagenet_c.MOTION_BLUR_RADIUS, severity, clean=0.0),
        imagenet_c.at_severity(imagenet_c.MOTION_BLUR_SIGMA, severity, clean=0.0),
    )


def smear_weights(radius: float, sigma: float) -> npt.NDArray[np.float64]:
    """Weights of the pixels along the smear: the falling half of a Gaussian, cut off, as ImageMagick has it.

    ImageMagick's kernel has ``2 * radius + 1`` taps for whole radii; between them the last tap fades in.

    Args:
        radius: Half the smear's length, pixels.
        sigma: Standard deviation, pixels, > 0.

    Returns:
        Weights of the taps 0, 1, 2, ... pixels away, shape (K,), of sum 1.
    """
    taps = np.arange(np.ceil(2 * radius) + 1)
    weights = np.exp(-(taps**2) / (2 * sigma**2)) * np.clip(2 * radius + 1 - taps, 0.0, 1.0)
    normed: npt.NDArray[np.float64] = weights / weights.sum()
    return normed


def motion_blur(frame: Frame, *, radius: float, sigma: float, angle: float) -> Frame:
    """Smear a frame along a line.

    Lengths are for a frame `imagenet_c.MOTION_BLUR_SIDE` pixels wide and scale with the frame's width, so that a
    smear covers the same share of what is seen at every resolution. Taps that fall between pixels are shared out
    bilinearly; beyond the edge the edge's pixels go on.

    Args:
        frame: Shape (H, W, 3), uint8. Not modified.
        radius: Half the smear's length, pixels of the reference width.
        sigma: Standard deviation, pixels of the reference width, > 0.
        angle: Direction in which the taps lie, degrees from the right, downwards.

    Returns:
        New frame, shape (H, W, 3), uint8.
    """
    height, width = frame.shape[:2]
    weights = smear_weights(radius, sigma)
    steps = np.arange(len(weights)) * width / imagenet_c.MOTION_BLUR_SIDE
    kernel = _kernel(steps * np.cos(np.radians(angle)), steps * np.sin(np.radians(angle)), weights)
    reach = max(max(abs(dx), abs(dy)) for dx, dy in kernel)
    padded = np.pad(frame, [(reach, reach), (reach, reach), (0, 0)], mode="edge").astype(np.float32)
    blurred = np.zeros(frame.shape, dtype=np.float32)
    for (dx, dy), weight in kernel.items():
        blurred += (
            np.float32(weight) * padded[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        )
    return to_frame(blurred)


def _kernel(
    xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> dict[tuple[int, int], float]:
    """Whole offsets (dx, dy) in pixels -> weight, for weighted points that lie between the pixels."""
    kernel: dict[tuple[int, int], float] = {}
    for x, y, weight in zip(xs, ys, weights, strict=True):
        # Rounding keeps a cosine of 90 degrees from leaking 1e-17 of a pixel sideways.
        (left, right), (top, bottom) = divmod(round(x, 9), 1), divmod(round(y, 9), 1)
        for dx, share_x in ((0, 1 - right), (1, right)):
            for dy, share_y in ((0, 1 - bottom), (1, bottom)):
                if share_x * share_y > 0.0:
                    offset = (int(left) + dx, int(top) + dy)
                    kernel[offset] = kernel.get(offset, 0.0) + weight * share_x * share_y
    return kernel


class Blur(FrameShift):
    """Motion blur in one direction, drawn for each camera and episode.

    Options:
        cameras: See `FrameShift`.
    """

    name = "blur"
    summary = "motion blur (ImageNet-C)"
    option_values: ClassVar = dict(FrameShift.option_values)

    def begin(self, observation: Observation) -> None:
        """Draw the direction for each camera."""
        del observation
        limit = imagenet_c.MOTION_BLUR_ANGLE
        self._angles = {key: self.rng.uniform(-limit, limit) for key in self.camera_keys}

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        radius, sigma = smear(self.severity)
        return motion_blur(frame, radius=radius, sigma=sigma, angle=self._angles[key])

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        radius, sigma = smear(severity)
        return {"radius and standard deviation, pixels of a frame 224 wide": f"{radius:.3g}, {sigma:.3g}"}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        radius, sigma = smear(self.severity)
        return {
            "radius_px_of_224": radius,
            "sigma_px_of_224": sigma,
            "angle_deg": {key: self._angles[key] for key in self.altered_keys},
        }

"""ImageNet-C's severities, and what lies between them.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (ICLR
2019, arXiv 1903.12261), with the constants of its published code (``imagenet_c/corruptions.py``). Levels 1-5 are
theirs, so that results can be laid beside theirs; between two levels, and between no corruption and level 1, the
numbers are interpolated linearly.
"""

from collections.abc import Sequence

import numpy as np

from fdp_bench.api import LEVELS

#: Standard deviation of Gaussian noise, where a channel's range is 1.
GAUSSIAN_NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
#: Radius and standard deviation of the half Gaussian that smears a picture `MOTION_BLUR_SIDE` pixels wide, pixels.
MOTION_BLUR_RADIUS = (10.0, 15.0, 15.0, 15.0, 20.0)
MOTION_BLUR_SIGMA = (3.0, 5.0, 8.0, 12.0, 15.0)
MOTION_BLUR_SIDE = 224
#: The smear's direction lies within plus and minus this of the horizontal, degrees.
MOTION_BLUR_ANGLE = 45.0
#: What is added to the value of HSV, in [0, 1].
BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)
#: Factor of the distance from each channel's mean.
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
#: JPEG quality, as the Independent JPEG Group counts it.
JPEG_QUALITY = (25, 18, 15, 10, 7)


def at_severity(levels: Sequence[float], severity: float, *, clean: float) -> float:
    """A parameter for a severity in [0, 1].

    Args:
        levels: Its values at levels 1 to `LEVELS`, severities 1 / `LEVELS` to 1.
        severity: In [0, 1].
        clean: Its value at severity 0, where nothing changes.
    """
    return float(np.interp(severity * LEVELS, range(LEVELS + 1), [clean, *levels]))

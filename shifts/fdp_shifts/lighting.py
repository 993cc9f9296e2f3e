"""Lighting shift: light from elsewhere, dimmer and of another colour.

What is drawn at random (the direction, the light's colour) does not depend on the severity. Up to level 3 the
light goes over from its clean colour to one drawn uniformly from RGB 0-0.5, the range of robot-colosseum's
light (arXiv 2402.08191, ``light_color``): ``lighting@3?part=rgb`` can be laid beside it. Above level 3 that light
is dimmed further.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Scene, SceneShift

#: Severity (level 3) at which the light's colour lies in robot-colosseum's range.
FULL_SEVERITY = 0.6
#: Channels of the brightest light's diffuse colour there, lowest and highest.
RGB_RANGE = (0.0, 0.5)
#: What is left of that light at severity 1.
LEAST_LIGHT = 0.1
#: How far lights turn from where they stand at severity 1, radians.
MAX_TILT_RAD = np.radians(75.0)


def replaced_share(severity: float) -> float:
    """How far the light's colour is the drawn one, in [0, 1]."""
    return min(1.0, severity / FULL_SEVERITY)


def dimming(severity: float) -> float:
    """Factor of the drawn colour: 1 up to level 3, then down to `LEAST_LIGHT`."""
    beyond = max(0.0, (severity - FULL_SEVERITY) / (1.0 - FULL_SEVERITY))
    return 1.0 - (1.0 - LEAST_LIGHT) * beyond


def tilt_rad(severity: float) -> float:
    """How far lights turn, radians."""
    return float(MAX_TILT_RAD * severity)


def rgb_at(
    clean: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64], severity: float
) -> npt.NDArray[np.float64]:
    """The brightest light's diffuse colour at a severity.

    Args:
        clean: Its colour without a shift, shape (3,).
        drawn: The colour drawn within `RGB_RANGE`, shape (3,).
        severity: In [0, 1].
    """
    share = replaced_share(severity)
    rgb: npt.NDArray[np.float64] = ((1.0 - share) * clean + share * drawn) * dimming(severity)
    return rgb


class Lighting(SceneShift):
    """Other light.

    Options:
        part: ``all``; ``rgb`` (brightness and colour), ``intensity`` (brightness alone), ``color`` (colour alone,
            as bright as before) or ``direction``.
    """

    name = "lighting"
    summary = "light from another direction, dimmer and of another colour"
    option_values: ClassVar = {"part": ("all", "rgb", "intensity", "color", "direction")}
    shown_options: ClassVar = ({}, {"part": "rgb"}, {"part": "direction"})

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        low, high = (dimming(severity) * bound for bound in RGB_RANGE)
        rgb = {
            "drawn RGB of the brightest light": f"{low:.2g}-{high:.2g}",
            "light replaced by the drawn one": f"{replaced_share(severity):.0%}",
        }
        direction = {"lights turned by, degrees": f"{np.degrees(tilt_rad(severity)):.0f}"}
        if options["part"] == "all":
            return rgb | direction
        return direction if options["part"] == "direction" else rgb

    def dress(self, scene: Scene) -> dict[str, Any]:
        """Turn, dim and tint the lights; see `SceneShift.dress`."""
        azimuth = float(self.rng.uniform(-np.pi, np.pi))
        drawn = self.rng.uniform(*RGB_RANGE, 3)
        part, parameters = self.options["part"], dict[str, Any]()
        if part in ("all", "direction"):
            tilt = tilt_rad(self.severity)
            scene.turn_lights(azimuth_rad=azimuth, tilt_rad=tilt)
            parameters["direction"] = {"azimuth_rad": azimuth, "tilt_rad": tilt}
        if part != "direction":
            clean = scene.main_light_rgb
            scale = rgb_at(clean, drawn, self.severity) / clean
            if part == "intensity":
                scale = np.full(3, scale.mean())
            elif part == "color":
                scale = scale / scale.mean()
            scene.set_lights(diffuse_scale=scale, ambient_scale=scale, specular_scale=scale)
            parameters["rgb"] = (clean * scale).tolist()
        return parameters

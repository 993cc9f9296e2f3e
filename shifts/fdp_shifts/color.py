"""Colour shift: the target, the table and the light look different from the training pictures.

The direction of the change is drawn once an episode and does not depend on the severity, which only says how
far the change goes; nor does it depend on `part`, so the parts of ``part=all`` are those seen alone.

The target keeps away from the hues of what it could be mistaken for: the task's other objects (the part
``"partner"``, for instance the cube that it is stacked on) and the table, or bins, that it lies in.
"""

import colorsys
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Scene, SceneShift, UnsupportedShiftError
from fdp_shifts.hues import MIN_HUE_TURN, has_hue, hue_of, turn_clear_of

#: How far each part is painted over at severity 1; what is left of the table shows its texture.
MAX_TINT = {"object": 1.0, "table": 0.8}
#: Saturation and value of the paint.
PAINT = {"object": (0.85, 0.8), "table": (0.55, 0.7)}
#: Parts whose hues a part must not take.
AVOIDED = {"object": ("partner", "table"), "table": ()}
#: Natural logarithm of the light's brightness at severity 1, (lowest, highest). Always dimmer: the clean tables
#: are lit almost white, so brighter light would change next to nothing.
LOG_BRIGHTNESS = (-1.4, -0.8)
#: Natural logarithm of the light's strongest and weakest channel at severity 1, about the brightness.
COLOR_CAST = 0.35


def tint_amount(part: str, severity: float) -> float:
    """How far a part's colour is blended to the drawn one, in [0, 1], for a severity in [0, 1]."""
    return MAX_TINT[part] * severity


def light_scale(log_scale: npt.NDArray[np.float64], severity: float) -> npt.NDArray[np.float64]:
    """Factor of the light's channels, shape (3,): 1 at severity 0, exp(`log_scale`) at severity 1."""
    scale: npt.NDArray[np.float64] = np.exp(severity * log_scale)
    return scale


class Color(SceneShift):
    """Other paint and other light.

    Options:
        part: ``all``, ``object`` (the target; on Door the whole door), ``table`` or ``light``.
    """

    name = "color"
    summary = "another colour of target, table and light"
    option_values: ClassVar = {"part": ("all", "object", "table", "light")}

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        parameters = {
            "object": {"target's colour replaced by": f"{tint_amount('object', severity):.0%}"},
            "table": {"table's colour replaced by": f"{tint_amount('table', severity):.0%}"},
            "light": {
                "light's brightness times": "-".join(
                    f"{light_scale(np.full(3, log_brightness), severity)[0]:.2f}"
                    for log_brightness in LOG_BRIGHTNESS
                ),
                "light's strongest channel times, weakest divided by": (
                    f"{light_scale(np.full(3, COLOR_CAST), severity)[0]:.2f}"
                ),
            },
        }
        chosen = parameters if options["part"] == "all" else {options["part"]: parameters[options["part"]]}
        return {name: value for of_part in chosen.values() for name, value in of_part.items()}

    def dress(self, scene: Scene) -> dict[str, Any]:
        """Tint materials and scale lights; see `SceneShift.dress`."""
        hue_turns = {part: self.rng.uniform(MIN_HUE_TURN, 1.0 - MIN_HUE_TURN) for part in MAX_TINT}
        log_scale = self._draw_light()
        parameters: dict[str, Any] = {}
        for part, hue_turn in hue_turns.items():
            if self.options["part"] in (part, "all"):
                rgb = self._paint(scene, part, hue_turn)
                amount = tint_amount(part, self.severity)
                scene.tint_part(part, rgb, amount=amount)
                parameters[part] = {"rgb": rgb.tolist(), "amount": amount}
        if self.options["part"] in ("light", "all"):
            scale = light_scale(log_scale, self.severity)
            scene.set_lights(diffuse_scale=scale, ambient_scale=scale)
            parameters["light"] = {"scale": scale.tolist()}
        return parameters

    def _paint(self, scene: Scene, part: str, hue_turn: float) -> npt.NDArray[np.float64]:
        if part not in scene.material_groups:
            raise UnsupportedShiftError(
                f"shift 'color' paints {part!r}, and {self.env.unwrapped} only has "
                f"{', '.join(sorted(scene.material_groups))}; try part=light"
            )
        hue = hue_of(scene.part_rgba(part)[:, :3].mean(axis=0))
        others = [
            rgba[:3]
            for other in AVOIDED[part]
            if other in scene.material_groups
            for rgba in scene.part_rgba(other)
        ]
        hue_turn = turn_clear_of(hue_turn, [hue_of(rgb) - hue for rgb in others if has_hue(rgb)])
        return np.array(colorsys.hsv_to_rgb((hue + hue_turn) % 1.0, *PAINT[part]))

    def _draw_light(self) -> npt.NDArray[np.float64]:
        brightness = self.rng.uniform(*LOG_BRIGHTNESS)
        hue = self.rng.random()
        cast = COLOR_CAST * np.cos(2 * np.pi * (hue - np.arange(3) / 3))
        return np.asarray(brightness + cast, dtype=np.float64)

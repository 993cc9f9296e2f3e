"""Texture shift: the table and the walls wear another pattern than in the training pictures.

Patterns are computed, not downloaded, and drawn once an episode; they do not depend on the severity. Up to
level 3 the severity says how far a pattern covers the old surface. There its colours are uniform in RGB 0.25-1, the
range of robot-colosseum's table colour (arXiv 2402.08191, ``table_color``): ``texture@3?kind=plain&part=table``
can be laid beside it. Above level 3 the colours go over into the target's own and a shade of it, as on its lit and
its dark sides, so that the target stands out less and, at level 5, is camouflaged wherever it lies.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Scene, SceneShift, UnsupportedShiftError
from fdp_shifts.patterns import KINDS, Pattern, draw_pattern

Color = npt.NDArray[np.float64]

#: Severity (level 3) at which a pattern has replaced the old surface, in robot-colosseum's range of colours.
FULL_SEVERITY = 0.6
#: Channels of a pattern's colours, lowest and highest.
COLOR_RANGE = (0.25, 1.0)
#: The two colours differ by this share of the range at least, in each channel.
MIN_CONTRAST = 0.35
#: Brightness of the pattern's second colour over the target's at severity 1.
SHADE = 0.5
PARTS = ("table", "walls")
#: Kinds that ``kind=mixed`` draws from.
MIXED = ("checker", "noise", "gradient", "stripes")


def covered_share(severity: float) -> float:
    """How far the pattern replaces the old surface, in [0, 1]."""
    return min(1.0, severity / FULL_SEVERITY)


def camouflage(severity: float) -> float:
    """How far the pattern's colours are the target's own and a shade of it, in [0, 1]."""
    return max(0.0, (severity - FULL_SEVERITY) / (1.0 - FULL_SEVERITY))


class Texture(SceneShift):
    """Other surfaces.

    Options:
        kind: ``mixed`` (one of the following, drawn once an episode for each part), ``checker``, ``noise``,
            ``gradient``, ``stripes``, or ``plain`` (one colour).
        part: ``all`` (the table and, where the scene has any, the walls), ``table`` or ``walls``.
    """

    name = "texture"
    summary = "another pattern on table and walls"
    option_values: ClassVar = {"kind": ("mixed", *KINDS), "part": ("all", *PARTS)}
    shown_options: ClassVar = ({}, {"kind": "plain", "part": "table"})

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        return {
            "surface replaced by the pattern": f"{covered_share(severity):.0%}",
            "pattern's colours are the target's": f"{camouflage(severity):.0%}",
        }

    def dress(self, scene: Scene) -> dict[str, Any]:
        """Replace textures; see `SceneShift.dress`."""
        # Drawn for both parts: a choice of one leaves the other's pattern as it was.
        drawn = {part: self._draw() for part in PARTS}
        amount = covered_share(self.severity)
        parameters: dict[str, Any] = {}
        for part in self._painted(scene):
            pattern, first, second = drawn[part]
            first, second = self._towards_target(scene, first), self._towards_target(scene, second, SHADE)
            scene.texture_part(part, partial(pattern.paint, first=first, second=second), amount=amount)
            parameters[part] = {
                "kind": pattern.kind,
                "cell_m": pattern.cell_m,
                "angle_rad": pattern.angle_rad,
                "rgb": [first.tolist(), second.tolist()],
                "amount": amount,
            }
        return parameters

    def _draw(self) -> tuple[Pattern, Color, Color]:
        """A pattern and its two colours."""
        kind = MIXED[int(self.rng.integers(len(MIXED)))]
        pattern = draw_pattern(kind if self.options["kind"] == "mixed" else self.options["kind"], self.rng)
        low, high = COLOR_RANGE
        place = self.rng.uniform(0.0, 1.0, 3)
        other = (place + self.rng.uniform(MIN_CONTRAST, 1.0 - MIN_CONTRAST, 3)) % 1.0
        return pattern, low + (high - low) * place, low + (high - low) * other

    def _painted(self, scene: Scene) -> tuple[str, ...]:
        wanted = PARTS if self.options["part"] == "all" else (self.options["part"],)
        found = tuple(part for part in wanted if part in scene.material_groups)
        if not found:
            raise UnsupportedShiftError(
                f"shift 'texture' paints {' and '.join(wanted)}, and {self.env.unwrapped} only has "
                f"{', '.join(sorted(scene.material_groups))}; use another shift, such as 'lighting'"
            )
        return found

    def _towards_target(self, scene: Scene, color: Color, brightness: float = 1.0) -> Color:
        hiding = camouflage(self.severity)
        if hiding == 0.0 or "object" not in scene.material_groups:
            return color
        target: Color = scene.part_rgba("object")[:, :3].mean(axis=0, dtype=np.float64)
        return (1.0 - hiding) * color + hiding * brightness * target

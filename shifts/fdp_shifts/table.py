"""The physical parameters of every shift at every level, as a Markdown table: ``python -m fdp_shifts.table``.

The numbers come from the functions that the shifts themselves use; README.md holds the same table.
"""

from collections.abc import Callable

import numpy as np

from fdp_bench.api import LEVELS
from fdp_shifts import color, distractors, occlusion


def _share(value: float) -> str:
    return f"{value:.2f}"


def _losses(severity: float) -> str:
    steps = occlusion.loss_steps(severity, cameras=2)
    return ", ".join("never" if step is None else f"step {step}" for step in steps)


def _light(severity: float) -> str:
    low, high = (
        color.light_scale(np.full(3, log_brightness), severity)[0] for log_brightness in color.LOG_BRIGHTNESS
    )
    return f"{low:.2f}-{high:.2f}"


def _cast(severity: float) -> str:
    return _share(color.light_scale(np.full(3, color.COLOR_CAST), severity)[0])


#: (shift and option, parameter, severity -> text).
ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("`occlusion`", "card's share of each frame", lambda s: _share(occlusion.card_area_fraction(s))),
    (
        "`occlusion?kind=intermittent`",
        "share of time each camera is dark",
        lambda s: _share(occlusion.dark_share(s)),
    ),
    ("`occlusion?kind=camera`", "first and second camera lost from", _losses),
    (
        "`color`, `part=object`",
        "target's colour replaced by",
        lambda s: f"{color.tint_amount('object', s):.0%}",
    ),
    ("`color`, `part=table`", "table's colour replaced by", lambda s: f"{color.tint_amount('table', s):.0%}"),
    ("`color`, `part=light`", "light's brightness times", _light),
    ("`color`, `part=light`", "light's strongest channel times, weakest divided by", _cast),
    ("`distractors`", "objects", lambda s: str(distractors.distractor_count(s))),
)


def table() -> str:
    """The table in Markdown, one row a parameter, one column a level."""
    levels = range(1, LEVELS + 1)
    lines = [
        "| shift | parameter | " + " | ".join(f"level {level}" for level in levels) + " |",
        "|---|---|" + "---|" * LEVELS,
    ]
    for shift, parameter, value in ROWS:
        lines.append(
            f"| {shift} | {parameter} | " + " | ".join(value(level / LEVELS) for level in levels) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())

"""What a sense of numbers reads under a shift at rising severity: the readings of one episode over time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fdp_bench.report.names import severity_text, shift_slug
from fdp_bench.report.shift_previews.effects import Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Lines a panel at most; more could not be told apart.
_LINES = 8


def reading_figure(
    readings: Mapping[float, Series], *, task: str, shift: str, key: str, control_hz: float
) -> "Figure":
    """Draw the readings of a key, a panel a severity, the clean ones dotted behind.

    Args:
        readings: Severity (0.0 for clean) -> values, shape (T, D), of the same episode under the same actions.
        task: Gymnasium id.
        shift: How the shift is called, without a severity.
        key: Observation key.
        control_hz: Control steps a second.
    """
    from matplotlib.figure import Figure

    clean = readings[0.0]
    lines = np.linspace(0, clean.shape[1] - 1, min(_LINES, clean.shape[1])).round().astype(int)
    figure = Figure(figsize=(7.5, 1.55 * len(readings) + 1.0), layout="constrained")
    panels = figure.subplots(len(readings), 1, sharex=True, squeeze=False)[:, 0]
    time_s = np.arange(len(clean)) / control_hz
    for axes, (severity, values) in zip(panels, readings.items(), strict=True):
        for number, line in enumerate(lines):
            color = f"C{number}"
            if severity > 0.0:
                axes.plot(time_s, clean[:, line], ":", color=color, linewidth=0.8)
            axes.plot(time_s, values[:, line], color=color, linewidth=1.2, label=f"{line}")
        axes.set_ylabel(severity_text(severity), fontsize=9)
        change = float(np.abs(values - clean).mean())
        axes.set_title("" if severity == 0.0 else f"{change:.3g}", fontsize=8, loc="right", pad=2)
    panels[0].legend(title="component", fontsize=7, title_fontsize=7, ncols=len(lines), loc="upper right")
    panels[-1].set_xlabel(
        "seconds of episode 0 with the arm swaying; dotted: without the shift\n"
        "at the right above a panel: mean absolute change of a reading",
        fontsize=8,
    )
    figure.suptitle(f"{key} under {shift} on {task}", fontsize=11)
    return figure


def reading_file(shift: str, key: str) -> str:
    """Name of the file of a shift's readings."""
    return f"strip-{shift_slug(shift)}-{shift_slug(key)}.png"

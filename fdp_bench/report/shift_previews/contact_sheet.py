"""A contact sheet: what the cameras show of a task under many shifts, a row a shift and a column a level."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import IMAGE_PREFIX
from fdp_bench.report.names import severity_text
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 100
#: Grey of the page: many a frame is white up to its edge.
_PAGE = 225
#: Dots: left of the frames for the shifts' names, above and below them, between two of them, between cameras.
_LEFT, _TOP, _BOTTOM, _GAP, _CAMERA_GAP = 150, 76, 34, 3, 14


def sheet_figure(previews: Sequence[SeverityFrames], *, enlargement: int = 1) -> "Figure":
    """Draw the last view of each shift: the last episode's first frame, or the last moment of one over time.

    Args:
        previews: Of one task, with the same cameras and severities; one at least.
        enlargement: Whole factor that frames are enlarged by.
    """
    from matplotlib.figure import Figure

    first = previews[0]
    severities = tuple(first.rows)
    shapes = [first.frame(severities[0], -1, camera).shape for camera in first.cameras]
    side_v, side_h = (enlargement * max(shape[axis] for shape in shapes) for axis in (0, 1))
    camera_width = len(severities) * (side_h + _GAP) + _CAMERA_GAP
    height = _TOP + len(previews) * (side_v + _GAP) + _BOTTOM
    width = _LEFT + len(first.cameras) * camera_width
    canvas: npt.NDArray[np.uint8] = np.full((height, width, 3), _PAGE, np.uint8)
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    centered: dict[str, Any] = {"ha": "center", "va": "bottom"}
    for number, camera in enumerate(first.cameras):
        start = _LEFT + number * camera_width
        name = f"camera {camera.removeprefix(IMAGE_PREFIX)}"
        axes.text(start + camera_width / 2, _TOP - 22, name, fontsize=10, **centered)
        for column, severity in enumerate(severities):
            left = start + column * (side_h + _GAP)
            axes.text(left + side_h / 2, _TOP - 4, severity_text(severity), fontsize=8, **centered)
            for row, preview in enumerate(previews):
                top = _TOP + row * (side_v + _GAP)
                frame = preview.frame(severity, -1, camera)
                frame = frame.repeat(enlargement, axis=0).repeat(enlargement, axis=1)
                canvas[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
    for row, preview in enumerate(previews):
        label = f"{preview.shift.replace('?', chr(10)).replace('&', chr(10))}\n({preview.views[-1]})"
        middle = _TOP + row * (side_v + _GAP) + side_v / 2
        axes.text(_LEFT - 8, middle, label, fontsize=8, ha="right", va="center")
    axes.text(width / 2, 30, f"{first.task} under each shift", fontsize=12, **centered)
    caption = "In brackets what is seen: the first frame of an episode, or how long into episode 0."
    axes.text(width / 2, height - 8, caption, fontsize=8, **centered)
    axes.imshow(canvas, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
    return figure

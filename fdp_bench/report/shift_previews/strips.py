"""Film strips: what the cameras show under a shift, clean at the top and more severe further down."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import IMAGE_PREFIX
from fdp_bench.report.figures.style import library_style, save_picture
from fdp_bench.report.names import severity_text, shift_slug
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Dots an inch; with whole enlargements, a frame's pixels stay squares.
_DPI = 150
#: Wanted side of a frame in the picture, dots.
_FRAME_DOTS = 180
#: Dots left free: left for the severities, at the top for titles, below for the caption, above each row for
#: the measured changes, between frames and between cameras.
_LEFT, _TOP, _BOTTOM, _ROW_GAP, _VIEW_GAP, _CAMERA_GAP = 60, 104, 70, 30, 8, 30


@dataclass(frozen=True)
class StripLayout:
    """Where the frames of a shift's preview lie in its picture, in dots from the top left corner.

    Attributes:
        views: Columns of one camera.
        cameras: Number of cameras.
        rows: Number of severities, clean included.
        side: Height and width of the largest frame after enlargement, dots.
    """

    views: int
    cameras: int
    rows: int
    side: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture, dots."""
        top, left = self.origin(self.rows - 1, self.cameras - 1, self.views - 1)
        return top + self.side[0] + _BOTTOM, left + self.side[1] + _VIEW_GAP

    def origin(self, row: int, camera: int, view: int) -> tuple[int, int]:
        """Top and left of a frame."""
        column = camera * self.views + view
        left = _LEFT + column * (self.side[1] + _VIEW_GAP) + camera * (_CAMERA_GAP - _VIEW_GAP)
        return _TOP + row * (self.side[0] + _ROW_GAP), left


def strip_layout(preview: SeverityFrames) -> StripLayout:
    """Lay a preview out: a row a severity, a column a camera and view."""
    shapes = [preview.frame(0.0, 0, camera).shape for camera in preview.cameras]
    side = tuple(max(shape[axis] for shape in shapes) for axis in (0, 1))
    scale = _enlargement(preview)
    return StripLayout(
        len(preview.views), len(preview.cameras), len(preview.rows), (scale * side[0], scale * side[1])
    )


def strip_figure(preview: SeverityFrames) -> "Figure":
    """Draw a preview with the measured change above each frame."""
    from matplotlib.figure import Figure

    layout, scale = strip_layout(preview), _enlargement(preview)
    height, width = layout.size
    # A caption line needs about 6 dots a letter at its size.
    width = max(width, 620)
    canvas: npt.NDArray[np.uint8] = np.full((height, width, 3), 255, np.uint8)
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    centered: dict[str, Any] = {"ha": "center", "va": "bottom"}
    for row, severity in enumerate(preview.rows):
        for number, camera in enumerate(preview.cameras):
            for view, view_name in enumerate(preview.views):
                frame = preview.frame(severity, view, camera).repeat(scale, axis=0).repeat(scale, axis=1)
                top, left = layout.origin(row, number, view)
                bottom, right = top + frame.shape[0], left + frame.shape[1]
                # A hairline: bright frames would run into the page.
                canvas[top - 1 : bottom + 1, left - 1 : right + 1] = 128
                canvas[top:bottom, left:right] = frame
                label = view_name if row == 0 else f"{preview.change(severity, view, camera):.1f}"
                axes.text(left + frame.shape[1] / 2, top - 4, label, fontsize=8, **centered)
        top, left = layout.origin(row, 0, 0)
        middle = top + layout.side[0] / 2
        axes.text(
            left - 10, middle, severity_text(severity), fontsize=9, rotation=90, ha="right", va="center"
        )
    for number, camera in enumerate(preview.cameras):
        left = layout.origin(0, number, 0)[1]
        right = layout.origin(0, number, layout.views - 1)[1] + layout.side[1]
        name = f"camera {camera.removeprefix(IMAGE_PREFIX)}"
        axes.text((left + right) / 2, _TOP - 28, name, fontsize=10, **centered)
    axes.text(width / 2, 38, f"{preview.shift} on {preview.task}", fontsize=11, **centered)
    caption = (
        f"Seen: {preview.subject}.\nAbove a frame: mean absolute change of its pixels against clean, of 255."
    )
    axes.text(width / 2, height - 8, caption, fontsize=7.5, **centered)
    axes.imshow(canvas, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
    return figure


@library_style()
def save_strip(preview: SeverityFrames, folder: Path, *, suffix: str = "") -> Path:
    """Write `strip_figure` as ``strip-<shift><suffix>.png`` and return its path."""
    path = folder / f"strip-{shift_slug(preview.shift)}{suffix}.png"
    return save_picture(strip_figure(preview), path, _DPI)


def _enlargement(preview: SeverityFrames) -> int:
    """Whole factor that brings the widest frame near the wanted side."""
    widest = max(preview.frame(0.0, 0, camera).shape[1] for camera in preview.cameras)
    return max(1, round(_FRAME_DOTS / widest))

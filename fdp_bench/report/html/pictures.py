"""Pictures as data URIs."""

import base64
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fdp_bench.report.figures.picture_files import read_pixels
from fdp_bench.report.figures.plots import Panel, panel_figure
from fdp_bench.report.figures.style import DARK, LIGHT, Theme, svg_bytes, themed

#: Quality of lossy WebP: artefacts stay below what an 84-pixel frame shows when it is enlarged twice.
_QUALITY = 88


@dataclass(frozen=True)
class Picture:
    """A picture within the page.

    Attributes:
        source: Data URI.
        width: Pixels.
        height: Pixels.
        alt: What it shows, for those who cannot see it.
        dark: Data URI for dark pages; empty where one picture serves both.
    """

    source: str
    width: int
    height: int
    alt: str
    dark: str = ""


def frame_picture(frame: npt.NDArray[np.generic], alt: str) -> Picture:
    """Embed a camera frame or a film strip, shape (H, W, 3), uint8, as WebP."""
    from PIL import Image

    buffer = BytesIO()
    pixels = np.ascontiguousarray(frame, dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=_QUALITY, method=6)
    return Picture(_data_uri("image/webp", buffer.getvalue()), pixels.shape[1], pixels.shape[0], alt)


def file_picture(path: Path, alt: str) -> Picture:
    """Embed a picture file.

    Raises:
        OSError: If it is unreadable or no picture.
    """
    return frame_picture(read_pixels(path), alt)


def panel_picture(panel: Panel, alt: str) -> Picture:
    """Draw a panel for light and for dark pages."""
    light, dark = (_draw(panel, theme) for theme in (LIGHT, DARK))
    # A point is 4/3 CSS pixels.
    sides = re.findall(rb'\b(?:width|height)="([0-9.]+)pt"', light[:1000])[:2]
    width, height = (round(float(side) * 4 / 3) for side in sides)
    return Picture(
        _data_uri("image/svg+xml", light), width, height, alt, dark=_data_uri("image/svg+xml", dark)
    )


def _draw(panel: Panel, theme: Theme) -> bytes:
    with themed(theme):
        return svg_bytes(panel_figure(panel))


def _data_uri(kind: str, payload: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(payload).decode()}"

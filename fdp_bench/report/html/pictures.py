"""Pictures as data URIs."""

import base64
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fdp_bench.report.figures.plots import Panel, panel_figure
from fdp_bench.report.figures.style import DARK, LIGHT, Theme, svg_bytes, themed

#: Quality of lossy WebP: artefacts stay below what an 84-pixel frame shows when it is enlarged twice.
_QUALITY = 88
#: Pixels of the largest picture that is read; a film strip has 100,000.
_MOST_PIXELS = 20_000_000


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
    return frame_picture(_pixels(path), alt)


def is_picture(path: Path) -> bool:
    """Whether a file can be read as a picture; anybody may have put it there."""
    try:
        _pixels(path)
    except OSError:
        return False
    return True


def _pixels(path: Path) -> npt.NDArray[np.uint8]:
    """Read a PNG file, shape (H, W, 3); of other formats Pillow hands some to programs (EPS to Ghostscript)."""
    from PIL import Image

    if path.is_symlink() or not path.is_file():
        # A pipe would never end, and a link may lead to a picture that nobody meant to publish.
        raise OSError(f"{path} is no file")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise OSError(f"{path} is no film strip: it has {image.width}x{image.height} pixels")
            return np.asarray(image.convert("RGB"))
    except (ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # What Pillow raises on damaged files besides OSError.
        raise OSError(f"{path} is no picture: {error}") from error


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

"""Reading the picture files of a run, which may be damaged or no pictures."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

#: Pixels of the largest picture that is read; a film strip has 100,000.
_MOST_PIXELS = 20_000_000


def is_picture(path: Path) -> bool:
    """Whether a file can be read as a picture; anybody may have put it there."""
    try:
        read_pixels(path)
    except OSError:
        return False
    return True


def read_pixels(path: Path) -> npt.NDArray[np.uint8]:
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

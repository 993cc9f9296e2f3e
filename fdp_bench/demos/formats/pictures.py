"""Frames that a dataset keeps as pictures of their own, JPEG or PNG."""

import io

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError


def decode_picture(encoded: bytes, *, side: tuple[int, int], place: str) -> npt.NDArray[np.uint8]:
    """Decode one frame.

    Args:
        encoded: The picture's bytes.
        side: ``(H, W)`` that it must have.
        place: Where it stands, for messages.

    Returns:
        RGB frame, shape (H, W, 3).

    Raises:
        DatasetError: If it is damaged, neither JPEG nor PNG, or of another size.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as picture:
            if (picture.height, picture.width) != side:
                raise DatasetError(
                    f"{place} has frames of {picture.width}x{picture.height} pixels, not {side[1]}x{side[0]}"
                )
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{place} holds a damaged picture ({error})") from error

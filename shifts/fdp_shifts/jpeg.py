"""JPEG artefacts, as ImageNet-C's ``jpeg_compression``: frames that went through a strong compression."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from fdp_shifts import imagenet_c
from fdp_shifts.cameras import Frame, FrameShift

#: Quality that severity 0 would have, for what lies below level 1.
BEST_QUALITY = 100


def jpeg_quality(severity: float) -> int:
    """Quality of the compression for a severity in [0, 1], 7-100."""
    return round(imagenet_c.at_severity(imagenet_c.JPEG_QUALITY, severity, clean=BEST_QUALITY))


def through_jpeg(frame: Frame, quality: int) -> Frame:
    """Compress and decompress a frame.

    Args:
        frame: Shape (H, W, 3), uint8. Not modified.
        quality: As the Independent JPEG Group counts it, 1-100. Colours are halved in resolution (4:2:0), which is
            Pillow's default.

    Returns:
        New frame, shape (H, W, 3), uint8.
    """
    file = BytesIO()
    Image.fromarray(frame).save(file, format="JPEG", quality=quality)
    return np.asarray(Image.open(file), dtype=np.uint8)


class Jpeg(FrameShift):
    """JPEG artefacts.

    Blocks are 8 pixels wide whatever the frame's size, so on small frames they are a larger share of it than on
    ImageNet-C's.

    Options:
        cameras: See `FrameShift`.
    """

    name = "jpeg"
    summary = "JPEG artefacts (ImageNet-C)"
    option_values: ClassVar = dict(FrameShift.option_values)

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        del key
        return through_jpeg(frame, jpeg_quality(self.severity))

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        return {"quality": str(jpeg_quality(severity))}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"quality": jpeg_quality(self.severity)}

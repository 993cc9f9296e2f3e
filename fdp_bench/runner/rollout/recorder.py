"""Pictures kept of an episode: a film strip of what the cameras showed at decisions, and a video of all of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation, image_keys

Frame = npt.NDArray[np.uint8]

#: Frames of a film strip.
STRIP_FRAMES = 6
#: White pixels between the frames of a strip.
STRIP_GAP = 2
#: Enlargement of videos, whole pixels.
VIDEO_SCALE = 4


class Recorder:
    """Frames of one episode.

    Attributes:
        keeps_decisions: Whether frames at decisions are kept.
        keeps_all: Whether every frame is kept.
    """

    def __init__(self, *, keeps_decisions: bool = False, keeps_all: bool = False) -> None:
        self.keeps_decisions = keeps_decisions
        self.keeps_all = keeps_all
        self._decisions: list[dict[str, Frame]] = []
        self._all: list[dict[str, Frame]] = []

    def see(self, observation: Observation, *, is_decision: bool) -> None:
        """Take the frames of one control step's observation, where they are wanted."""
        if not (self.keeps_all or (self.keeps_decisions and is_decision)):
            return
        frames = {key: np.array(observation[key], dtype=np.uint8) for key in image_keys(observation)}
        if not frames:
            return
        if self.keeps_decisions and is_decision:
            self._decisions.append(frames)
        if self.keeps_all:
            self._all.append(frames)

    def save_strip(self, path: Path) -> None:
        """Write the film strip as PNG: a row a camera, time to the right; nothing where no frame was kept."""
        if not self._decisions:
            return
        import imageio.v3 as imageio

        part = path.with_name(path.stem + ".part.png")
        # Encoded in memory: on a full disk imageio's open file would complain a second time, with a traceback.
        part.write_bytes(imageio.imwrite("<bytes>", film_strip(self._decisions), extension=".png"))
        part.replace(path)

    def save_video(self, path: Path, frames_per_second: float) -> None:
        """Write all frames as mp4, cameras side by side; nothing where none was kept."""
        if not self._all:
            return
        import imageio.v2 as imageio

        part = path.with_name(path.stem + ".part.mp4")
        # Frames are whole multiples of VIDEO_SCALE, so no codec needs them resized.
        writer: Any
        with imageio.get_writer(part, fps=frames_per_second, macro_block_size=VIDEO_SCALE) as writer:
            for frames in self._all:
                writer.append_data(
                    np.kron(_side_by_side(frames), np.ones((VIDEO_SCALE, VIDEO_SCALE, 1), np.uint8))
                )
        part.replace(path)


def film_strip(moments: Sequence[Mapping[str, Frame]], count: int = STRIP_FRAMES) -> Frame:
    """Evenly spread moments of an episode, the first and the last included.

    Args:
        moments: Camera key -> frame (H, W, 3), one mapping a moment, at least one.
        count: Moments shown, or fewer where fewer exist.

    Returns:
        Picture with a row for each camera, uint8, white between the frames.
    """
    chosen = np.unique(np.linspace(0, len(moments) - 1, count).round().astype(int))
    columns = []
    for index in chosen:
        column = _joined(list(moments[index].values()), axis=0)
        columns.append(column)
    return _joined(columns, axis=1)


def _joined(frames: Sequence[Frame], axis: int) -> Frame:
    other = 1 - axis
    longest = max(frame.shape[other] for frame in frames)
    parts: list[Frame] = []
    for frame in frames:
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[other] = (0, longest - frame.shape[other])
        padding[axis] = (STRIP_GAP if parts else 0, 0)
        parts.append(np.pad(frame, padding, constant_values=255))
    return np.concatenate(parts, axis=axis)


def _side_by_side(frames: Mapping[str, Frame]) -> Frame:
    height = max(frame.shape[0] for frame in frames.values())
    padded = [np.pad(frame, [(0, height - frame.shape[0]), (0, 0), (0, 0)]) for frame in frames.values()]
    return np.concatenate(padded, axis=1)

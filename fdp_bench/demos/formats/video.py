"""Frames to and from mp4, by the ffmpeg that imageio-ffmpeg brings. Lossy: what comes back is near, not equal."""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError
from fdp_bench.api.validation import is_file

CODEC = "h264"
_ENCODER = "libx264"
#: x264's quality, 0 (lossless) to 51; 18 is its "visually lossless". LeRobot's own 30 (AV1) halves the size and
#: smears what a few pixels show.
QUALITY_CRF = 18
#: Frames from one key frame to the next; LeRobot's, so that random access decodes at most one more frame.
_KEY_FRAME_EVERY = 2


def write_video(
    path: Path, frames: Iterable[npt.NDArray[np.uint8]], *, fps: int, side: tuple[int, int]
) -> None:
    """Encode frames, the same bytes for the same frames.

    Args:
        path: File to write.
        frames: RGB frames, each of shape (H, W, 3), uint8.
        fps: Frames a second.
        side: ``(H, W)``.

    Raises:
        DatasetError: If ffmpeg cannot write.
    """
    height, width = side
    arguments = [
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "pipe:0"),
        *("-an", "-c:v", _ENCODER, "-pix_fmt", pixel_format(side), "-crf", str(QUALITY_CRF)),
        *("-g", str(_KEY_FRAME_EVERY), "-bf", "0", "-threads", "1"),
        *(
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
            "-map_metadata",
            "-1",
            "-f",
            "mp4",
            _address(path),
        ),
    ]
    with _ffmpeg(arguments, stdin=subprocess.PIPE) as (process, said):
        with contextlib.suppress(BrokenPipeError), process.stdin:
            for frame in frames:
                process.stdin.write(np.ascontiguousarray(frame).tobytes())
        if process.wait() != 0:
            raise DatasetError(f"cannot write {path}: ffmpeg failed ({said()})")


def pixel_format(side: tuple[int, int]) -> str:
    """Colours at half resolution, as all decoders expect, where both sides are even."""
    return "yuv444p" if side[0] % 2 or side[1] % 2 else "yuv420p"


def read_video(path: Path, *, side: tuple[int, int]) -> Iterator[npt.NDArray[np.uint8]]:
    """Decode all frames of an mp4 in order, one at a time.

    Args:
        path: The file.
        side: ``(H, W)`` that its frames must have.

    Yields:
        RGB frames, shape (H, W, 3), uint8.

    Raises:
        DatasetError: If it is missing, damaged, or its frames have another size.
    """
    if not is_file(path):
        raise DatasetError(f"there is no video {path}")
    arguments = [
        # Nothing but an mp4 in a file: a playlist that bears its name could name other files and hosts.
        *(
            "-protocol_whitelist",
            "file,pipe",
            "-f",
            "mov",
            "-threads",
            "1",
            "-i",
            _address(path),
            "-map",
            "0:v:0",
        ),
        # Each frame as a PPM says how large it is.
        *("-fps_mode", "passthrough", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"),
    ]
    header = f"P6\n{side[1]} {side[0]}\n255\n".encode()
    size = side[0] * side[1] * 3
    with _ffmpeg(arguments, stdout=subprocess.PIPE) as (process, said):
        while start := process.stdout.read(len(header)):
            if start != header:
                held = " ".join(start.decode("ascii", "replace").split()[1:3])
                raise DatasetError(f"{path} has frames of {held} pixels, not {side[1]} {side[0]}")
            data = process.stdout.read(size)
            if len(data) != size:
                break
            yield np.frombuffer(data, np.uint8).reshape(*side, 3)
        if process.wait() != 0:
            raise DatasetError(f"{path} is damaged or no mp4 ({said()})")


class VideoReader:
    """Frames of one camera, decoded in the order in which demonstrations ask for them. Close it after use.

    Args:
        side: ``(H, W)`` of its frames.
    """

    def __init__(self, side: tuple[int, int]) -> None:
        self._side = side
        self._path: Path | None = None
        self._frames: Iterator[npt.NDArray[np.uint8]] = iter(())
        self._next = 0

    def take(self, path: Path, first: int, count: int) -> npt.NDArray[np.uint8]:
        """Frames `first` to ``first + count`` of a video, shape (count, H, W, 3).

        Raises:
            DatasetError: If it ends before, or see `read_video`.
        """
        if path != self._path or first < self._next:
            self.close()
            self._path, self._next = path, 0
            self._frames = read_video(path, side=self._side)
        frames = []
        for frame in self._frames:
            self._next += 1
            if self._next > first:
                frames.append(frame)
            if len(frames) == count:
                break
        if len(frames) < count:
            raise DatasetError(f"{path} ends before frame {first + count}, which an episode asks for")
        return np.array(frames, np.uint8)

    def close(self) -> None:
        """End the decoder."""
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()


def _address(path: Path) -> str:
    """A path that ffmpeg takes for nothing else, whatever characters it begins with."""
    return f"file:{path.absolute()}"


@contextlib.contextmanager
def _ffmpeg(
    arguments: list[str], *, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Run ffmpeg, ended at the latest with the block.

    Yields:
        The `subprocess.Popen`, and a function that gives the last line of its complaints.
    """
    import imageio_ffmpeg

    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=complaints,
        )

        def said() -> str:
            complaints.seek(0)
            lines = complaints.read(10_000).decode("utf-8", "replace").split("\n")
            return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "it says nothing")

        try:
            yield process, said
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            if process.poll() is None:
                process.kill()
            process.wait()

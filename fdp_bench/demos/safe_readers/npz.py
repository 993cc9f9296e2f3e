"""Reads ``.npz`` files of strangers: plain numbers, of a size that the archive can really hold, and nothing else.

`numpy.load` takes memory for whatever shape a header names before it reads the numbers, and a deflated member can
expand a thousandfold. Here a member's header is held against its size, and its size against what deflate can do.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError

#: Largest ratio that deflate can reach (zlib's technical notes, "Maximum Compression Factor": 1032).
MAX_EXPANSION = 1032
#: Bytes of a member whatever its ratio: an empty array's header.
_SMALL = 4096
_KINDS = "fiub"
_CHUNK = 2**22


class SafeArchive:
    """A ``.npz`` file, opened to read. Use it as a context manager.

    Args:
        path: The file.

    Raises:
        zipfile.BadZipFile: If it is none.
        OSError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path)

    def __enter__(self) -> "SafeArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._zip.NameToInfo

    def names(self) -> list[str]:
        """Names of its arrays, in their order."""
        return [name.removesuffix(".npy") for name in self._zip.namelist() if name.endswith(".npy")]

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def array(self, name: str, *, dtype: npt.DTypeLike, ndim: int) -> npt.NDArray[Any]:
        """Read a member.

        Args:
            name: Its name, without ``.npy``.
            dtype: The dtype that it must have.
            ndim: The number of axes that it must have.

        Raises:
            DatasetError: If it is missing, of another kind, or declares more than it can hold.
            Exception: Whatever `zipfile` and `numpy` raise on damaged files.
        """
        if name not in self:
            raise DatasetError(f"{self._path} has no member {name[:60]!r}")
        info = self._zip.getinfo(f"{name}.npy")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._error(name, "is encrypted or packed by another way than deflate")
        if info.file_size > MAX_EXPANSION * info.compress_size + _SMALL:
            raise self._error(name, f"declares {info.file_size:,} bytes packed into {info.compress_size:,}")
        with self._zip.open(info) as file:
            shape, fortran, found = _header(file)
            if found.hasobject or found.kind not in _KINDS or found != np.dtype(dtype):
                raise self._error(name, f"holds {str(found)[:60]}, not {np.dtype(dtype)}")
            if len(shape) != ndim:
                raise self._error(name, f"has {len(shape)} axes, not {ndim}")
            size = math.prod(shape) * found.itemsize
            if size != info.file_size - file.tell() or any(length < 0 for length in shape):
                raise self._error(name, f"declares shape {str(shape)[:60]}, which is not what it holds")
            values = np.empty(math.prod(shape), found)
            _fill(values.view(np.uint8) if size else np.empty(0, np.uint8), file)
        return values.reshape(shape, order="F" if fortran else "C")

    def _error(self, name: str, what: str) -> DatasetError:
        return DatasetError(f"member {name[:60]!r} of {self._path} {what}")


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    numpy_format: Any = np.lib.format
    version = numpy_format.read_magic(file)
    read = {
        (1, 0): numpy_format.read_array_header_1_0,
        (2, 0): numpy_format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"array format {version} is not read")
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype


def _fill(target: npt.NDArray[np.uint8], file: Any) -> None:
    filled = 0
    while filled < len(target):
        part = file.read(min(_CHUNK, len(target) - filled))
        if not part:
            raise EOFError("a member ends early")
        target[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    if file.read(1):
        # The last read checks the sum as well.
        raise ValueError("a member goes on after its end")

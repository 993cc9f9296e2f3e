"""Reads HDF5 files of strangers: plain numbers that lie in the file itself, of a size that fits, and nothing else.

HDF5 can point anywhere: soft and external links, virtual and external datasets, object references, filters loaded
from plugins. None of that belongs into a demonstration file, so it is refused before it is followed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError
from fdp_bench.demos.safe_readers.hdf5_heaps import check_heaps
from fdp_bench.demos.safe_readers.npz import MAX_EXPANSION

#: Most bytes that one array may declare, uncompressed: an hour of two 256x256 cameras at 20 Hz is 28 GB, a
#: demonstration of 2,000 steps 0.4 GB.
MAX_ARRAY_BYTES = 2**32
#: Most characters of a text attribute; a robosuite model's XML is some 40,000.
MAX_TEXT_CHARACTERS = 2**24
#: Deflate, shuffle, checksum, szip, n-bit, scale-offset, and LZF, which comes with h5py.
_FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))
_KINDS = {"f": "floating-point numbers", "i": "whole numbers", "u": "whole numbers", "b": "truth values"}


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file to read, `h5py.File`.

    Raises:
        DatasetError: If it is missing, no HDF5 file, or damaged so that the library would not return.
    """
    import h5py

    if not path.is_file():
        raise DatasetError(f"there is no file {path}; check the path")
    try:
        file = h5py.File(path, "r")
        try:
            check_heaps(path, file.id.get_create_plist().get_sizes()[1])
        except BaseException:
            file.close()
            raise
    except (OSError, RuntimeError, ValueError) as error:
        raise DatasetError(f"{path} is truncated or no HDF5 file ({_first_line(error)})") from error
    return file


def child(group: Any, name: str) -> Any:
    """A group or dataset below a group, ``a/b`` included, through links that stay in the file.

    Args:
        group: `h5py.Group`.
        name: Name below it.

    Returns:
        The `h5py.Group` or `h5py.Dataset`; None where there is none.

    Raises:
        DatasetError: If the way there is damaged, or leads through a soft or external link.
    """
    import h5py

    here = group
    with _damage_told(group):
        for part in name.split("/"):
            if not isinstance(here, h5py.Group):
                return None
            link = here.get(part, getlink=True)
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise DatasetError(
                    f"{_place(here, part)} is a link to elsewhere; only what lies in the file is read"
                )
            here = here[part]
    return here


def names(group: Any) -> tuple[str, ...]:
    """Names right below a group.

    Raises:
        DatasetError: If it is damaged, or an array instead, which may go on without end.
    """
    import h5py

    if not isinstance(group, h5py.Group):
        raise DatasetError(f"{group.name} of {group.file.filename} is an array, not a group")
    with _damage_told(group):
        return tuple(str(name) for name in group)


def array(group: Any, name: str, *, shape: Sequence[int | None]) -> npt.NDArray[Any]:
    """Read an array of numbers.

    Args:
        group: `h5py.Group`.
        name: Name below it.
        shape: Wanted shape; None stands for any length.

    Returns:
        The array as stored.

    Raises:
        DatasetError: If it is missing, damaged, no array of numbers, of another shape, too large, or not in the file.
    """
    found = described(group, name, shape=shape)
    try:
        values: npt.NDArray[Any] = found[()]
    except (OSError, RuntimeError, ValueError) as error:
        raise DatasetError(
            f"{found.name} of {found.file.filename} is damaged ({_first_line(error)})"
        ) from error
    return values


def described(group: Any, name: str, *, shape: Sequence[int | None]) -> Any:
    """The `h5py.Dataset` that `array` would read, checked but unread; see there."""
    import h5py

    with _damage_told(group):
        return _described(group, name, shape, h5py.Dataset)


def _described(group: Any, name: str, shape: Sequence[int | None], kind: Any) -> Any:
    found = child(group, name)
    if not isinstance(found, kind):
        raise DatasetError(f"{group.file.filename} has no array {_place(group, name)}")
    place = f"{found.name} of {found.file.filename}"
    if found.is_virtual or found.external:
        raise DatasetError(f"{place} keeps its numbers in other files; only what lies in the file is read")
    if found.dtype.kind not in _KINDS:
        raise DatasetError(f"{place} holds {found.dtype}, not numbers")
    wanted = "x".join("T" if size is None else str(size) for size in shape)
    fits = found.shape is not None and len(found.shape) == len(shape)
    if not fits or any(size not in (None, held) for size, held in zip(shape, found.shape, strict=True)):
        raise DatasetError(f"{place} has shape {found.shape}, not {wanted}")
    _check_filters(found, place)
    size = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
    file_size = found.file.id.get_filesize()
    if size > MAX_EXPANSION * file_size:
        raise DatasetError(f"{place} declares {size:,} bytes in a file of {file_size:,}")
    if size > MAX_ARRAY_BYTES:
        raise DatasetError(f"{place} has shape {found.shape}, more than {MAX_ARRAY_BYTES // 2**30} GiB")
    return found


def _check_filters(found: Any, place: str) -> None:
    """Refuse what HDF5 would load a library for."""
    properties = found.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code = properties.get_filter(number)[0]
        if code not in _FILTERS:
            raise DatasetError(f"{place} is packed by filter {code}; only HDF5's own ones and LZF are read")


def text(item: Any, attribute: str) -> str | None:
    """A text attribute of a group; None where there is none or it is no text.

    Raises:
        DatasetError: If it is damaged or too long.
    """
    try:
        value = item.attrs.get(attribute)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise DatasetError(
            f"attribute {attribute!r} of {item.name} is damaged ({_first_line(error)})"
        ) from error
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    if len(value) > MAX_TEXT_CHARACTERS:
        raise DatasetError(f"attribute {attribute!r} of {item.name} is {len(value)} characters long")
    return value


@contextmanager
def _damage_told(group: Any) -> Iterator[None]:
    """Say of a damaged file, which h5py meets at any step, what it says."""
    try:
        yield
    except DatasetError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise DatasetError(f"{group.file.filename} is damaged ({_first_line(error)})") from error


def _place(group: Any, name: str) -> str:
    return f"{str(group.name).rstrip('/')}/{name}"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

"""Global heaps of an HDF5 file, walked before, and for pictures instead of, the HDF5 library.

Texts and pictures of any length lie in global heaps. The library goes from object to object by sizes that it does not
check (``H5HG__cache_heap_deserialize``, seen in 2.0): a size of zero, as one wrong byte makes it, keeps it there for
good, and one that is too large has it read what is not the file's. The format: HDF5 File Format Specification, version
3.0, III.E, "Global Heap".
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fdp_bench.api import DatasetError

#: How a heap begins; the library knows no other version.
_BEGINNING = b"GCOL\x01"
#: Bytes of a heap's and of an object's header before their size, and what both are aligned to.
_BEFORE_SIZE, _ALIGNMENT = 8, 8


def check_heaps(path: Path, size_bytes: int) -> None:
    """Hold every global heap of a file to its own size.

    Args:
        path: The file, not empty.
        size_bytes: Bytes of a size in it, as its superblock says.

    Raises:
        DatasetError: If the objects of one do not fit into it.
    """
    wrong = DatasetError(f"{path} is damaged: texts or pictures of any length do not fit into their heap")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # Heaps that lie in one another could have us walk the file many times over.
        left = len(data) // _BEFORE_SIZE
        start = data.find(_BEGINNING)
        while start >= 0:
            end = _end(data, start, size_bytes)
            # One beyond the file's end is never read.
            for _, at, size in _objects(data, start, size_bytes) if end <= len(data) else ():
                left -= 1
                if at + size > end or left < 0:
                    raise wrong
            start = data.find(_BEGINNING, start + 1)


def byte_strings(found: Any) -> list[bytes]:
    """Read a row of byte strings of any length past the library, which trusts the places that the row names.

    Args:
        found: The `h5py.Dataset`, shape (N,), of the kind ``h5py.vlen_dtype(np.uint8)``, in the file itself.

    Raises:
        DatasetError: If it is damaged, or its row of places is compressed.
    """
    address_bytes, size_bytes = found.file.id.get_create_plist().get_sizes()
    place_bytes = 4 + address_bytes + 4
    wrong = DatasetError(
        f"{found.name} of {found.file.filename} is damaged: a picture is not where it should be"
    )
    heaps: dict[int, dict[int, tuple[int, int]]] = {}
    with (
        Path(found.file.filename).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        strings = []
        for at in _places(found, place_bytes):
            length, index = _number(data, at, 4), _number(data, at + place_bytes - 4, 4)
            if length == 0:
                strings.append(b"")
                continue
            heap = _number(data, at + 4, address_bytes)
            if heap not in heaps:
                beginning = data[heap : heap + len(_BEGINNING)]
                if beginning != _BEGINNING or _end(data, heap, size_bytes) > len(data):
                    raise wrong
                heaps[heap] = {
                    number: (start, size) for number, start, size in _objects(data, heap, size_bytes)
                }
            start, size = heaps[heap].get(index, (0, -1))
            if not index or size != length or start + size > len(data):
                raise wrong
            strings.append(data[start : start + size])
    return strings


def _places(found: Any, place_bytes: int) -> Iterator[int]:
    """Where in the file each element of a row says where its string is."""
    count = found.shape[0]
    if found.file.userblock_size:
        raise DatasetError(f"{found.file.filename} begins with a block that is no HDF5; write it without")
    if found.chunks is None:
        start = found.id.get_offset()
        if start is None:
            if count:
                raise DatasetError(f"{found.name} of {found.file.filename} holds nothing")
            return
        yield from (start + number * place_bytes for number in range(count))
        return
    if found.id.get_create_plist().get_nfilters():
        raise DatasetError(
            f"{found.name} of {found.file.filename} is compressed, which makes pictures no smaller; write it without"
        )
    for number in range(count):
        chunk, inside = divmod(number, found.chunks[0])
        stored = found.id.get_chunk_info_by_coord((chunk * found.chunks[0],))
        if stored.byte_offset is None:
            raise DatasetError(f"{found.name} of {found.file.filename} lacks picture {number}")
        yield stored.byte_offset + inside * place_bytes


def _end(data: mmap.mmap, heap: int, size_bytes: int) -> int:
    return heap + _number(data, heap + _BEFORE_SIZE, size_bytes)


def _objects(data: mmap.mmap, heap: int, size_bytes: int) -> Iterator[tuple[int, int, int]]:
    """A heap's objects: (number, where its bytes begin, how many); number 0 is the room that is left.

    The last one, of more bytes than there are, is all that is known of a heap that does not hold together.
    """
    header = _aligned(_BEFORE_SIZE + size_bytes)
    end = _end(data, heap, size_bytes)
    at = heap + header
    while at + header <= end:
        number, size = _number(data, at, 2), _number(data, at + _BEFORE_SIZE, size_bytes)
        # The size of the room that is left includes its header.
        step = header + _aligned(size) if number else size
        if not header <= step <= end - at:
            yield number, at, end - at + 1
            return
        yield number, at + header, size if number else size - header
        at += step


def _number(data: mmap.mmap, at: int, count: int) -> int:
    return int.from_bytes(data[at : at + count], "little")


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT

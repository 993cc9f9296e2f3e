"""Heaps of texts and pictures in an HDF5 file, held to their size before the HDF5 library walks them."""

import h5py
import numpy as np
import pytest

from fdp_bench.api import DatasetError
from fdp_bench.demos.safe_readers.hdf5 import open_hdf5
from fdp_bench.demos.safe_readers.hdf5_heaps import byte_strings, check_heaps

MARK = b"GCOL\x01"


@pytest.fixture
def path(tmp_path):
    """A file with some heaps: texts, and rows of numbers of any length."""
    path = tmp_path / "file.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["text"] = "some words"
        rows = file.create_dataset("rows", (40,), h5py.vlen_dtype(np.uint8))
        for at in range(40):
            rows[at] = np.full(50 * at, at, np.uint8)
        file["numbers"] = np.frombuffer(MARK + bytes(1000), np.uint8)
    return path


def objects(data, heap):
    """Where a heap's objects begin, the last one being the room that is left."""
    at, end, found = heap + 16, heap + int.from_bytes(data[heap + 8 : heap + 16], "little"), []
    while at + 16 <= end:
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        found.append(at)
        at += 16 + -(-size // 8) * 8 if data[at : at + 2] != b"\0\0" else size
    return found


def test_a_whole_file_is_read(path):
    assert path.read_bytes().count(MARK) > 2

    with open_hdf5(path) as file:
        assert file.attrs["text"] == "some words"
        assert [len(row) for row in file["rows"]] == [50 * at for at in range(40)]


@pytest.mark.parametrize(
    ("which", "size"),
    # An object may be empty; what is in its place is then read as the next ones.
    [
        *(("an object", size) for size in (2**20, 2**63, 2**64 - 16)),
        *(("the room that is left", size) for size in (0, 8, 2**20, 2**63, 2**64 - 16)),
    ],
)
def test_a_size_that_leads_the_library_astray_is_refused(path, which, size):
    data = bytearray(path.read_bytes())
    found = [objects(data, at) for at in range(len(data)) if data[at : at + 5] == MARK]
    heap = next(each for each in found if each and data[each[-1] : each[-1] + 2] == bytes(2))
    at = heap[0 if which == "an object" else -1]
    data[at + 8 : at + 16] = size.to_bytes(8, "little")
    path.write_bytes(data)

    with pytest.raises(DatasetError, match="do not fit into their heap"):
        open_hdf5(path)


def test_a_file_that_is_refused_is_closed(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(MARK + bytes(3), MARK + bytes(3) + (4096).to_bytes(8, "little"), 1))

    for _ in range(2):
        with pytest.raises(DatasetError):
            open_hdf5(path)
    with h5py.File(path, "a"):
        pass


@pytest.mark.parametrize("chunks", [None, (7,)])
def test_byte_strings_are_those_of_the_library(tmp_path, chunks):
    path = tmp_path / "file.hdf5"
    with h5py.File(path, "w") as file:
        rows = file.create_dataset("rows", (40,), h5py.vlen_dtype(np.uint8), chunks=chunks)
        for at in range(40):
            rows[at] = np.full(50 * at, at, np.uint8)

    with open_hdf5(path) as file:
        assert byte_strings(file["rows"]) == [bytes(row) for row in file["rows"]]


@pytest.mark.parametrize(("offset", "value"), [(0, 7), (4, 3), (4, 2**40), (12, 60_000)])
def test_a_place_that_is_none_is_refused_and_not_looked_up(path, offset, value):
    with h5py.File(path, "r") as file:
        at = file["rows"].id.get_offset() + 16 * 5 + offset
    data = bytearray(path.read_bytes())
    data[at : at + (8 if offset == 4 else 4)] = value.to_bytes(8 if offset == 4 else 4, "little")
    path.write_bytes(data)

    with open_hdf5(path) as file, pytest.raises(DatasetError, match="a picture is not where it should be"):
        byte_strings(file["rows"])


def test_compressed_places_and_what_was_never_written_are_refused(tmp_path):
    kind = h5py.vlen_dtype(np.uint8)
    with h5py.File(tmp_path / "file.hdf5", "w") as file:
        file.create_dataset("compressed", (3,), kind, chunks=(3,), compression="gzip")[0] = np.ones(
            3, np.uint8
        )
        file.create_dataset("unwritten", (3,), kind, chunks=(2,))[0] = np.ones(3, np.uint8)
        file.create_dataset("empty", (0,), kind)

    with open_hdf5(tmp_path / "file.hdf5") as file:
        with pytest.raises(DatasetError, match="is compressed"):
            byte_strings(file["compressed"])
        with pytest.raises(DatasetError, match="lacks picture 2"):
            byte_strings(file["unwritten"])
        assert byte_strings(file["empty"]) == []


def test_heaps_in_one_another_are_refused_before_they_take_long(path):
    # Each of them is whole, and reaches to the end: a walk through all takes the square of their number.
    count = 20_000
    data = bytearray(path.read_bytes())
    inner = bytearray()
    for number in range(count):
        rest = 32 * (count - number)
        inner += (
            MARK
            + bytes(3)
            + rest.to_bytes(8, "little")
            + (1).to_bytes(8, "little")
            + (0).to_bytes(8, "little")
        )
    path.write_bytes(data + inner)

    with pytest.raises(DatasetError, match="do not fit into their heap"):
        check_heaps(path, 8)

"""What a demonstration file of a stranger must not do: point elsewhere, take memory, run code, raise a traceback."""

import json
import pickle
import zipfile

import h5py
import numpy as np
import pytest
from demo_data import made_up_episode, write_made_up

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.pack import pack_demonstrations


@pytest.fixture
def hdf5(tmp_path):
    return write_made_up(tmp_path / "d.hdf5", [made_up_episode(seed) for seed in range(3)])


@pytest.fixture
def npz(hdf5):
    pack_demonstrations(hdf5, hdf5.with_suffix(".npz"))
    return hdf5.with_suffix(".npz")


def refused(path, why):
    with pytest.raises(DatasetError, match=why) as error:
        load_demonstrations(path)
    assert "\n" not in str(error.value)


def put(path, place, make):
    """Replace something in an HDF5 file."""
    with h5py.File(path, "r+") as file:
        if place in file:
            del file[place]
        make(file, place)


ACTIONS = "data/demo_1/actions"


def test_soft_links_are_refused(hdf5):
    put(hdf5, ACTIONS, lambda file, place: file.__setitem__(place, h5py.SoftLink("/data/demo_0/actions")))
    refused(hdf5, "is a link to elsewhere")


def test_external_links_are_refused_unfollowed(hdf5, tmp_path):
    other = write_made_up(tmp_path / "other.hdf5", [made_up_episode(9)])
    link = h5py.ExternalLink(str(other), "/data/demo_0/actions")
    put(hdf5, ACTIONS, lambda file, place: file.__setitem__(place, link))
    refused(hdf5, "is a link to elsewhere")


def test_numbers_in_other_files_are_refused(hdf5, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(9 * 7 * 4))

    def make(file, place):
        external = [(str(tmp_path / "secret"), 0, 9 * 7 * 4)]
        file.create_dataset(place, shape=(9, 7), dtype=np.float32, external=external)

    put(hdf5, ACTIONS, make)
    refused(hdf5, "in other files")


def test_virtual_datasets_are_refused(hdf5):
    def make(file, place):
        layout = h5py.VirtualLayout((9, 7), np.float32)
        layout[:] = h5py.VirtualSource(str(hdf5), "data/demo_0/actions", (9, 7))
        file.create_virtual_dataset(place, layout)

    put(hdf5, ACTIONS, make)
    refused(hdf5, "in other files")


@pytest.mark.parametrize("dtype", [h5py.ref_dtype, h5py.string_dtype(), h5py.vlen_dtype(np.float32)])
def test_objects_and_references_are_refused(hdf5, dtype):
    put(hdf5, ACTIONS, lambda file, place: file.create_dataset(place, (9, 7), dtype))
    refused(hdf5, "not numbers")


def test_a_shape_that_the_file_cannot_hold_is_refused_before_memory_is_taken(hdf5):
    def make(file, place):
        file.create_dataset(place, (2**40, 7), np.float32, chunks=(1024, 7), compression="gzip")

    put(hdf5, ACTIONS, make)
    refused(hdf5, "declares 30,786,325,577,728 bytes in a file of")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (ACTIONS, np.full((9, 7), np.nan, np.float32)),
        (ACTIONS, np.zeros((9, 7), np.int32)),
        (ACTIONS, np.zeros((8, 7), np.float32)),
        (ACTIONS, np.zeros((9, 6), np.float32)),
        ("data/demo_1/obs/agentview_image", np.zeros((9, 12, 12, 3), np.float32)),
        ("data/demo_1/obs/agentview_image", np.zeros((9, 5, 12, 3), np.uint8)),
    ],
)
def test_demonstrations_of_other_kinds_are_refused(hdf5, place, value):
    put(hdf5, place, lambda file, where: file.create_dataset(where, data=value))
    refused(hdf5, "demo_1")


def rewritten(npz, **members):
    """Replace members of a packed file by bytes."""
    with zipfile.ZipFile(npz) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(npz, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**held, **{f"{name}.npy": value for name, value in members.items()}}.items():
            archive.writestr(name, content)
    return npz


def member(shape, dtype="<f4", content=b""):
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (member((2**50, 7)), "declares shape"),
        (member((2**30, 7), content=bytes(2**22)), "declares shape"),
        (member((-1, 7)), "declares shape"),
        (member((27, 7), "|O", pickle.dumps([print])), "holds object"),
        (member((27, 7), [("a", "<f4")]), "not float32"),
        (b"\x93NUMPY\x09\x00", "format"),
        (member("__import__('os')"), "."),
        (b"", "."),
    ],
)
def test_members_that_lie_are_refused(npz, content, why):
    refused(rewritten(npz, actions=content), why)


def test_a_bomb_is_refused_unpacked(npz):
    with zipfile.ZipFile(npz, "a") as archive:
        info = archive.getinfo("actions.npy")
        declared = 2**40
    raw = npz.read_bytes()
    # The size in the central directory, which is what is trusted.
    at = raw.rindex(b"actions.npy") - 46 + 24
    npz.write_bytes(raw[:at] + (2**32 - 2).to_bytes(4, "little") + raw[at + 4 :])
    assert info.file_size < declared
    refused(npz, "declares 4,294,967,294 bytes packed into")


@pytest.mark.parametrize(
    "card",
    [
        [],
        {"format": 1},
        {"task_id": 3, "profile": "fast", "format": 1, "cameras": []},
        {"task_id": "a", "profile": "fast", "format": 1, "cameras": ["../../etc/passwd"]},
        {"task_id": "a", "profile": "fast", "format": 1, "cameras": "prop"},
    ],
)
def test_cards_of_other_kinds_are_refused(npz, card):
    text = json.dumps(card).encode()
    refused(rewritten(npz, card=member((len(text),), "|u1", text)), "d.npz")


def test_demonstrations_that_do_not_end_are_refused(npz):
    ends = np.array([5, 3, 27], "<i8").tobytes()
    refused(rewritten(npz, episode_ends=member((3,), "<i8", ends)), "do not end where")

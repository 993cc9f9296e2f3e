import subprocess
import sys

import numpy as np
import pytest
from demo_data import made_up_episode, write_made_up

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import load_demonstrations, require_senses, split_names
from fdp_bench.demos.pack import pack_demonstrations


@pytest.fixture
def file(tmp_path):
    return write_made_up(tmp_path / "demos.hdf5", [made_up_episode(i, steps=6 + i) for i in range(10)])


def test_reader_returns_what_was_written(file):
    data = load_demonstrations(file)
    written = made_up_episode(3, steps=9)
    demo = data.demos[3]
    assert demo.name == "demo_3"
    np.testing.assert_array_equal(demo.prop, written.prop)
    np.testing.assert_array_equal(demo.actions, written.actions)
    np.testing.assert_array_equal(demo.tactile, written.tactile)
    for key, frames in written.images.items():
        np.testing.assert_array_equal(demo.images[key], frames)
    assert (demo.prop.dtype, demo.actions.dtype, demo.images["image.wrist"].dtype) == (
        np.float32,
        np.float32,
        np.uint8,
    )


def test_reader_leaves_the_lead_in_out(tmp_path):
    episode = made_up_episode(0, steps=9, lead_in_steps=4)
    demo = load_demonstrations(write_made_up(tmp_path / "a.hdf5", [episode])).demos[0]
    assert len(demo) == 5
    np.testing.assert_array_equal(demo.prop, episode.prop[4:])
    np.testing.assert_array_equal(demo.actions, episode.actions[4:])
    np.testing.assert_array_equal(demo.images["image.wrist"], episode.images["image.wrist"][4:])
    np.testing.assert_array_equal(demo.tactile, episode.tactile[4:])


def test_demonstrations_beyond_those_trained_on_are_held_out():
    assert split_names(200, 100) == (
        tuple(f"demo_{i}" for i in range(100)),
        tuple(f"demo_{i}" for i in range(100, 120)),
    )


def test_held_out_demonstrations_are_as_many_as_are_left():
    train, valid = split_names(103, 100)
    assert (len(train), valid) == (100, ("demo_100", "demo_101", "demo_102"))


@pytest.mark.parametrize("asked", [None, 200])
def test_last_tenth_is_held_out_where_none_are_left(asked):
    train, valid = split_names(200, asked)
    assert (len(train), len(valid), valid[0]) == (180, 20, "demo_180")


def test_single_demonstration_is_trained_on():
    assert split_names(1, None) == (("demo_0",), ())


def test_only_what_is_needed_is_read(file):
    data = load_demonstrations(file, num_demos=5)
    assert data.names == tuple(f"demo_{i}" for i in range(6))
    assert (data.train, data.valid) == (data.names[:5], data.names[5:])
    assert [demo.name for demo in data.subset(data.valid)] == ["demo_5"]


def test_split_agrees_with_the_masks_in_the_file(file):
    import h5py

    data = load_demonstrations(file)
    with h5py.File(file) as opened:
        assert tuple(name.decode() for name in opened["mask/train"]) == data.train
        assert tuple(name.decode() for name in opened["mask/valid"]) == data.valid


def test_packed_form_reads_as_the_same_demonstrations(file, tmp_path):
    packed = tmp_path / "demos.npz"
    assert pack_demonstrations(file, packed) == 10
    for number in (None, 4):
        ours, theirs = (
            load_demonstrations(packed, num_demos=number),
            load_demonstrations(file, num_demos=number),
        )
        assert (ours.sha256, ours.train, ours.valid) == (theirs.sha256, theirs.train, theirs.valid)
        np.testing.assert_array_equal(
            ours.demos[2].images["image.wrist"], theirs.demos[2].images["image.wrist"]
        )


def test_first_demonstrations_can_be_packed_alone(file, tmp_path):
    packed = tmp_path / "demos.npz"
    assert pack_demonstrations(file, packed, num_demos=6) == 6
    ours, theirs = load_demonstrations(packed, num_demos=5), load_demonstrations(file, num_demos=5)
    assert (ours.sha256, ours.names) == (theirs.sha256, theirs.names)


def test_hash_follows_a_single_pixel(tmp_path):
    episode = made_up_episode(0)
    first = load_demonstrations(write_made_up(tmp_path / "a.hdf5", [episode])).sha256
    episode.images["image.wrist"][5, 0, 0, 0] ^= 1
    assert load_demonstrations(write_made_up(tmp_path / "b.hdf5", [episode])).sha256 != first


def test_packed_form_needs_no_h5py(file, tmp_path):
    packed = tmp_path / "demos.npz"
    pack_demonstrations(file, packed)
    code = (
        "import sys; sys.modules['h5py'] = None\n"
        "from fdp_bench.demos.dataset import load_demonstrations\n"
        f"print(len(load_demonstrations({str(packed)!r}).demos))\n"
        "assert not {'robosuite', 'mujoco', 'gymnasium.envs.mujoco'} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "10"


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_missing_file_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(DatasetError) as error:
        load_demonstrations(tmp_path / "none.hdf5", task_id="fdp_bench/LiftWide-v1", num_demos=7)
    assert "fdp-bench demos collect --task LiftWide --num-demos 7 --out" in one_line(error)


@pytest.mark.parametrize("kept_share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("form", ["hdf5", "npz"])
def test_truncated_file_is_refused(file, tmp_path, kept_share, form):
    whole = file
    if form == "npz":
        whole = tmp_path / "demos.npz"
        pack_demonstrations(file, whole)
    content = whole.read_bytes()
    cut = tmp_path / f"cut.{form}"
    cut.write_bytes(content[: int(len(content) * kept_share)])
    with pytest.raises(DatasetError) as error:
        load_demonstrations(cut)
    assert "truncated" in one_line(error)


def test_damaged_frames_are_refused(tmp_path):
    file = write_made_up(tmp_path / "a.hdf5", [made_up_episode(0)])
    import h5py

    with h5py.File(file) as opened:
        chunk = opened["data/demo_0/obs/agentview_image"].id.get_chunk_info(3)
    content = bytearray(file.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(DatasetError):
        load_demonstrations(file)


def test_file_of_another_program_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file.create_group("data").attrs["env_args"] = '{"env_name": "Lift"}'
    with pytest.raises(DatasetError, match="not written by fdp-bench"):
        load_demonstrations(tmp_path / "other.hdf5")


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "bad.npz", card=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DatasetError) as error:
        load_demonstrations(tmp_path / "bad.npz")
    one_line(error)


def test_file_of_another_task_is_refused(file):
    with pytest.raises(DatasetError) as error:
        load_demonstrations(file, task_id="fdp_bench/LiftWide-v1")
    assert "fdp_bench/Lift-v1, not of fdp_bench/LiftWide-v1" in one_line(error)


@pytest.mark.parametrize("asked", [0, -1, 11])
def test_number_that_the_file_does_not_hold_is_refused(file, asked):
    with pytest.raises(DatasetError) as error:
        load_demonstrations(file, num_demos=asked)
    assert "use 1-10" in one_line(error)


def test_newer_format_is_refused(tmp_path):
    file = write_made_up(tmp_path / "a.hdf5", [made_up_episode(0)], format=99)
    with pytest.raises(DatasetError, match="format 99"):
        load_demonstrations(file)


def test_same_demonstrations_give_the_same_bytes(tmp_path):
    files = [write_made_up(tmp_path / name, [made_up_episode(1), made_up_episode(2)]) for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    packed = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for source, out in zip(files, packed, strict=True):
        pack_demonstrations(source, out)
    assert packed[0].read_bytes() == packed[1].read_bytes()


def test_pack_refuses_to_overwrite_and_other_endings(file, tmp_path):
    (tmp_path / "there.npz").write_bytes(b"mine")
    with pytest.raises(DatasetError, match="exists already"):
        pack_demonstrations(file, tmp_path / "there.npz")
    assert (tmp_path / "there.npz").read_bytes() == b"mine"
    with pytest.raises(DatasetError, match=r"use .*demos\.npz"):
        pack_demonstrations(file, tmp_path / "demos.zip")


@pytest.mark.parametrize("form", ["hdf5", "npz"])
def test_touch_is_read_and_packed(file, tmp_path, form):
    source = file
    if form == "npz":
        source = tmp_path / "demos.npz"
        pack_demonstrations(file, source)

    demo = load_demonstrations(source).demos[2]

    np.testing.assert_array_equal(demo.tactile, made_up_episode(2, steps=8).tactile)
    assert list(demo.observations) == ["prop", "tactile", "image.agentview", "image.wrist"]


@pytest.mark.parametrize("form", ["hdf5", "npz"])
def test_a_file_from_before_touch_is_read_with_the_same_hash(file, tmp_path, form):
    import h5py

    now = load_demonstrations(file).sha256
    with h5py.File(file, "a") as opened:
        for demo in opened["data"].values():
            del demo["obs/tactile"]
    source = file
    if form == "npz":
        source = tmp_path / "demos.npz"
        pack_demonstrations(file, source)

    before = load_demonstrations(source)

    assert before.demos[0].tactile is None
    assert before.sha256 == now
    with pytest.raises(DatasetError) as error:
        require_senses(before, ["prop", "tactile"])
    assert "hold no 'tactile', only prop, image.agentview, image.wrist" in one_line(error)
    assert "fdp-bench demos collect --task Lift --out FILE" in one_line(error)
    require_senses(before, ["prop", "image.wrist"])

"""Folders as Minari 0.5 writes them: its layout was read off datasets that it made."""

import io
import json

import h5py
import numpy as np
import pytest
from demo_data import HOME, still_arm
from PIL import Image

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.formats.importing import import_demonstrations

STEPS = (4, 6)
CAMERAS = ("image.agentview", "image.wrist")


def episode(seed, steps):
    rng = np.random.default_rng(seed)
    prop, actions = still_arm(seed, steps + 1)
    return {
        "actions": actions[:-1],
        "rewards": np.ones(steps),
        "terminations": np.zeros(steps, bool),
        "truncations": np.zeros(steps, bool),
        "observations/prop": prop,
        **{
            f"observations/{key}": rng.integers(0, 256, (steps + 1, 84, 84, 3), dtype=np.uint8)
            for key in CAMERAS
        },
    }


def write(folder, *, metadata=None, **changes):
    data = folder / "data"
    data.mkdir(parents=True)
    described = {"dataset_id": "lift/made-v0", "data_format": "hdf5", "minari_version": "0.5.4"}
    (data / "metadata.json").write_text(json.dumps(described | (metadata or {})))
    with h5py.File(data / "main_data.hdf5", "w") as file:
        for index, steps in enumerate(STEPS):
            for name, values in (episode(index, steps) | changes).items():
                if values is not None:
                    file[f"episode_{index}/{name}"] = values
    return folder


def imported(folder, tmp_path):
    out = tmp_path / "out.hdf5"
    return import_demonstrations(folder, out, task="Lift"), load_demonstrations(out)


def test_observations_are_taken_as_they_are_but_for_the_last(tmp_path):
    summary, data = imported(write(tmp_path / "in"), tmp_path)
    assert (summary.source_format, summary.num_demos, summary.num_steps) == ("minari", 2, sum(STEPS))
    for index, steps in enumerate(STEPS):
        made, demo = episode(index, steps), data.demos[index]
        np.testing.assert_array_equal(demo.prop, made["observations/prop"][:-1])
        np.testing.assert_array_equal(demo.actions, made["actions"])
        for key in CAMERAS:
            np.testing.assert_array_equal(demo.images[key], made[f"observations/{key}"][:-1])
    assert data.card["source"]["dataset_id"] == "lift/made-v0"


def test_numbers_too_large_for_what_policies_read_are_refused(tmp_path):
    prop = np.full((7, 16), 1e300)
    folder = write(tmp_path / "in", **{"observations/prop": prop})
    with h5py.File(folder / "data" / "main_data.hdf5", "r+") as file:
        del file["episode_0"]
    with pytest.raises(DatasetError, match="not finite"):
        imported(folder, tmp_path)


def jpeg(frame):
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG")
    return np.frombuffer(buffer.getvalue(), np.uint8)


def with_pictures(folder, encode=jpeg):
    write(folder, **{f"observations/{key}": None for key in CAMERAS})
    with h5py.File(folder / "data" / "main_data.hdf5", "r+") as file:
        for index, steps in enumerate(STEPS):
            for key in CAMERAS:
                kind = h5py.vlen_dtype(np.uint8)
                cells = file.create_dataset(f"episode_{index}/observations/{key}", (steps + 1,), kind)
                for step in range(steps + 1):
                    cells[step] = encode(np.full((84, 84, 3), 10 * step, np.uint8))
    return folder


def test_jpeg_pictures_are_decoded_and_said_to_be_lossy(tmp_path):
    summary, data = imported(with_pictures(tmp_path / "in"), tmp_path)
    np.testing.assert_allclose(data.demos[1].images["image.wrist"][3], 30, atol=2)
    assert any("JPEG" in note for note in summary.notes)
    assert data.card["source"]["lossy_frames"] is True


def test_one_array_of_numbers_is_prop(tmp_path):
    folder = write(
        tmp_path / "in", **{f"observations/{key}": None for key in (*CAMERAS, "prop")}, observations=None
    )
    with h5py.File(folder / "data" / "main_data.hdf5", "r+") as file:
        for index, steps in enumerate(STEPS):
            file[f"episode_{index}/observations"] = np.tile(HOME, (steps + 1, 1))
    summary, data = imported(folder, tmp_path)
    assert not data.demos[0].images
    assert sum("cannot be trained" in note for note in summary.notes) == len(CAMERAS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metadata": {"data_format": "arrow"}}, "'arrow'"),
        ({"actions": np.zeros((4, 28), np.float32)}, r"\(4, 28\)"),
        ({"observations/prop": np.zeros((5, 39))}, r"\(5, 39\)"),
        ({"observations/prop": None}, "observations/prop"),
        ({"observations/prop": np.full((5, 16), np.inf)}, "finite"),
        ({"observations/image.wrist": np.zeros((5, 64, 64, 3), np.uint8)}, "64"),
        ({"observations/image.wrist": np.zeros((5, 84, 84, 3), np.float32)}, "not uint8"),
        ({"actions": h5py.ExternalLink("/etc/passwd", "/x")}, "link"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, changes, said):
    folder = write(tmp_path / "in", **changes)
    with pytest.raises(DatasetError, match=said) as error:
        import_demonstrations(folder, tmp_path / "out.hdf5", task="Lift")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("encode", [lambda frame: frame[0, 0], lambda frame: jpeg(frame[:40])])
def test_damaged_pictures_and_those_of_another_size_are_refused(tmp_path, encode):
    with pytest.raises(DatasetError, match=r"damaged picture|pixels"):
        import_demonstrations(with_pictures(tmp_path / "in", encode), tmp_path / "out.hdf5", task="Lift")


def test_damaged_metadata_is_refused(tmp_path):
    folder = write(tmp_path / "in")
    (folder / "data" / "metadata.json").write_text("{")
    with pytest.raises(DatasetError, match="no JSON"):
        import_demonstrations(folder, tmp_path / "out.hdf5", task="Lift")

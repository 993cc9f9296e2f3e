"""A half-made collection's folder: what it gives back, and what it says of damaged files."""

import json

import numpy as np
import pytest

from fdp_bench.api import DatasetError
from fdp_bench.demos.demo_episode import RecordedEpisode
from fdp_bench.demos.recording.attempt_store import AttemptStore

HEADER = {"task_id": "fdp_bench/Lift-v1", "seed": 0, "versions": {"mujoco": "3.9.0"}}


def episode(steps=5):
    rng = np.random.default_rng(steps)
    return RecordedEpisode(
        states=rng.standard_normal((steps, 4)),
        actions=rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
        rewards=np.ones(steps, np.float32),
        prop=rng.standard_normal((steps, 16)).astype(np.float32),
        tactile=rng.standard_normal((steps, 12)).astype(np.float32),
        images={"image.wrist": rng.integers(0, 256, (steps, 4, 4, 3), dtype=np.uint8)},
        lead_in_steps=2,
        model_file="<mujoco/>",
    )


@pytest.fixture
def store(tmp_path):
    store = AttemptStore(tmp_path / "work", HEADER)
    store.add(0, episode())
    store.add(1, None)
    return store


def test_kept_attempts_come_back_as_they_were(store, tmp_path):
    again = AttemptStore(tmp_path / "work", HEADER)
    assert [again.is_kept(attempt) for attempt in (0, 1)] == [True, False]
    assert 2 not in again
    (found,) = again.episodes([0])
    for name, value in vars(episode()).items():
        if name == "images":
            assert found.images.keys() == value.keys()
            np.testing.assert_array_equal(found.images["image.wrist"], value["image.wrist"])
        else:
            np.testing.assert_array_equal(getattr(found, name), value)


def test_other_settings_are_named(store, tmp_path):
    with pytest.raises(DatasetError, match=r"seed 0, now 3.*repeat them"):
        AttemptStore(tmp_path / "work", {**HEADER, "seed": 3})


@pytest.mark.parametrize("content", [b"{", b"[]", b"[" * 100_000, b"\xff", b'{"a": NaN}', b" " * (2**20 + 1)])
def test_a_damaged_header_is_one_error(store, tmp_path, content):
    (tmp_path / "work" / "collection.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"collection\.json is damaged.*delete"):
        AttemptStore(tmp_path / "work", HEADER)


def objects(path):
    np.savez(path, kept=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"kept", b"kopt")),
        lambda path: np.savez(path, kept=np.ones(3, bool)),
        objects,
    ],
)
def test_a_damaged_attempt_is_one_error_that_names_its_file(store, tmp_path, damage):
    damage(tmp_path / "work" / "attempt_000000.npz")
    with pytest.raises(DatasetError, match=r"attempt_000000\.npz.*make the attempt again"):
        store.is_kept(0)


def test_an_attempt_that_lacks_an_array_is_one_error(store, tmp_path):
    np.savez_compressed(tmp_path / "work" / "attempt_000000.npz", kept=np.array(True))
    with pytest.raises(DatasetError, match=r"no member 'states'.*make the attempt again"):
        list(store.episodes([0]))


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="choose another --out"):
        AttemptStore(tmp_path / "file" / "work", HEADER)


def test_a_header_is_plain_json(store, tmp_path):
    assert json.loads((tmp_path / "work" / "collection.json").read_text()) == HEADER
    assert {file.name for file in (tmp_path / "work").iterdir()} == {
        "attempt_000000.npz",
        "attempt_000001.npz",
        "collection.json",
    }

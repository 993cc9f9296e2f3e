"""LeRobotDataset v3 out and in. Its own package reads ours in test_lerobot_reader.py."""

import json

import numpy as np
import pytest
from demo_data import HEADER

from fdp_bench.api import DatasetError
from fdp_bench.demos.card import dataset_card
from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.demo_episode import ImportedEpisode
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.formats.lerobot.write import export_lerobot
from fdp_bench.demos.robomimic import write_hdf5

pytest.importorskip("pyarrow", reason="pyarrow is not installed; pip install 'fdp-bench[lerobot-data]'")

CAMERAS = ("image.agentview", "image.wrist")
LENGTHS = (5, 8, 6)


def smooth_episode(seed, steps):
    """Frames as a camera sees them; noise is what a video codec is worst at."""
    rng = np.random.default_rng(seed)
    across, down = np.meshgrid(np.arange(84), np.arange(84))
    frames = {}
    for number, key in enumerate(CAMERAS):
        moved = np.arange(steps)[:, None, None] * 20
        planes = [across + moved, down + moved * 0, across + down - moved + 40 * number]
        frames[key] = (np.stack(planes, axis=-1) % 200).astype(np.uint8)
    return ImportedEpisode(
        prop=rng.standard_normal((steps, 16)).astype(np.float32),
        images=frames,
        actions=rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
        tactile=rng.standard_normal((steps, 12)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "demos.hdf5"
    episodes = [smooth_episode(seed, steps) for seed, steps in enumerate(LENGTHS)]
    write_hdf5(path, episodes, {"env_name": "Lift", "type": 1, "env_kwargs": {}, "fdp_bench": HEADER})
    return path


@pytest.fixture(scope="module")
def folder(file):
    out = file.parent / "lerobot"
    export_lerobot(file, out)
    return out


@pytest.fixture
def copy(folder, tmp_path):
    """A copy to spoil."""
    import shutil

    return shutil.copytree(folder, tmp_path / "spoilt")


def test_there_and_back_numbers_are_equal_and_frames_are_near(file, folder, tmp_path):
    out = tmp_path / "back.hdf5"
    summary = import_demonstrations(folder, out)
    assert (summary.task_id, summary.num_demos, summary.source_format) == (HEADER["task_id"], 3, "lerobot")
    for ours, back in zip(load_demonstrations(file).demos, load_demonstrations(out).demos, strict=True):
        np.testing.assert_array_equal(back.prop, ours.prop)
        np.testing.assert_array_equal(back.actions, ours.actions)
        np.testing.assert_array_equal(back.tactile, ours.tactile)
        for key in CAMERAS:
            assert back.images[key].shape == ours.images[key].shape
            apart = np.abs(back.images[key].astype(int) - ours.images[key])
            # Another frame, or one upside down, is off by tens.
            assert 0 < apart.mean() < 8


def test_cards_say_that_frames_are_compressed_and_by_how_much(file, folder, tmp_path):
    card = json.loads((folder / "meta" / "fdp_bench.json").read_text())
    assert card["video"]["lossy"] is True
    assert set(card["video"]["mean_absolute_pixel_error"]) == set(CAMERAS)
    assert all(0 < error < 8 for error in card["video"]["mean_absolute_pixel_error"].values())
    assert card["sha256"] == load_demonstrations(file).sha256
    out = tmp_path / "back.hdf5"
    summary = import_demonstrations(folder, out)
    assert any("compressed" in note for note in summary.notes)
    source = dataset_card(out)["source"]
    assert (source["lossy_frames"], source["video"]) == (True, card["video"])


def test_first_demonstrations_alone_can_be_written_and_read(file, folder, tmp_path):
    assert export_lerobot(file, tmp_path / "two", num_demos=2).num_demos == 2
    import_demonstrations(tmp_path / "two", tmp_path / "two.hdf5")
    import_demonstrations(folder, tmp_path / "one.hdf5", num_demos=1)
    assert [len(demo) for demo in load_demonstrations(tmp_path / "two.hdf5").demos] == [5, 8]
    assert [len(demo) for demo in load_demonstrations(tmp_path / "one.hdf5").demos] == [5]


def foreign(path, **header):
    """A file of somebody else's task: a sense of another name in place of prop, and a camera."""
    made = [smooth_episode(seed, 6) for seed in range(2)]
    episodes = [
        ImportedEpisode(
            prop=np.zeros((6, 0), np.float32),
            images={"image.front": each.images["image.wrist"]},
            actions=each.actions[:, :2],
            vectors={"where": each.prop[:, :3]},
        )
        for each in made
    ]
    said = {"task_id": "mine/Reach-v0", "profile": "fast", "format": 1, "vectors": ["where"], **header}
    write_hdf5(path, episodes, {"env_name": "mine/Reach-v0", "type": 2, "fdp_bench": said})
    return path


def test_senses_and_rate_of_somebody_elses_task_are_written(tmp_path):
    import pyarrow.parquet as pq

    file = foreign(tmp_path / "reach.hdf5", control_hz=10.0)
    export_lerobot(file, tmp_path / "reach")
    info = json.loads((tmp_path / "reach" / "meta" / "info.json").read_text())
    assert (info["fps"], info["robot_type"]) == (10, None)
    senses = {name for name in info["features"] if name.startswith("observation.")}
    assert senses == {"observation.where", "observation.images.front"}
    rows = pq.read_table(tmp_path / "reach" / "data" / "chunk-000" / "file-000.parquet")
    demos = load_demonstrations(file).demos
    where = np.concatenate([demo.vectors["where"] for demo in demos])
    np.testing.assert_array_equal(np.array(rows["observation.where"].to_pylist(), np.float32), where)


@pytest.mark.parametrize(("header", "said"), [({}, "does not say"), ({"control_hz": 12.5}, "says 12.5")])
def test_rate_that_lerobot_cannot_have_is_refused(tmp_path, header, said):
    with pytest.raises(DatasetError, match=said):
        export_lerobot(foreign(tmp_path / "reach.hdf5", **header), tmp_path / "reach")
    assert [path.name for path in tmp_path.iterdir()] == ["reach.hdf5"]


def test_long_datasets_are_split_into_files_of_whole_episodes(file, tmp_path, monkeypatch):
    from fdp_bench.demos.formats.lerobot import write

    monkeypatch.setattr(write, "_FRAMES_PER_FILE", 13)
    folder = tmp_path / "split"
    export_lerobot(file, folder)
    assert len(list((folder / "data").rglob("*.parquet"))) == 2
    import_demonstrations(folder, tmp_path / "back.hdf5")
    for ours, back in zip(
        load_demonstrations(file).demos, load_demonstrations(tmp_path / "back.hdf5").demos, strict=True
    ):
        np.testing.assert_array_equal(back.prop, ours.prop)
        assert np.abs(back.images[CAMERAS[0]].astype(int) - ours.images[CAMERAS[0]]).mean() < 8


def test_statistics_are_those_of_the_numbers(file, folder):
    stats = json.loads((folder / "meta" / "stats.json").read_text())
    demos = load_demonstrations(file).demos
    actions = np.concatenate([demo.actions for demo in demos]).astype(float)
    frames = np.concatenate([demo.images["image.wrist"] for demo in demos]) / 255.0
    for name, value in {"min": actions.min(0), "mean": actions.mean(0), "std": actions.std(0)}.items():
        np.testing.assert_allclose(stats["action"][name], value)
    wrist = stats["observation.images.wrist"]
    channels = frames.reshape(-1, 3)
    for name, value in {"min": channels.min(0), "max": channels.max(0), "mean": channels.mean(0)}.items():
        np.testing.assert_allclose(np.ravel(wrist[name]), value)
    np.testing.assert_allclose(np.ravel(wrist["std"]), channels.std(0))
    assert wrist["count"] == [sum(LENGTHS)]


def test_images_in_the_table_are_read_exactly(file, folder, copy, tmp_path):
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    demos = load_demonstrations(file).demos
    path = copy / "data" / "chunk-000" / "file-000.parquet"
    table = pq.read_table(path)
    info = json.loads((copy / "meta" / "info.json").read_text())
    for key in CAMERAS:
        feature = key.replace("image.", "observation.images.")
        cells = []
        for frame in np.concatenate([demo.images[key] for demo in demos]):
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, "PNG")
            cells.append({"bytes": buffer.getvalue(), "path": None})
        table = table.append_column(feature, pa.array(cells))
        info["features"][feature]["dtype"] = "image"
    pq.write_table(table, path)
    (copy / "meta" / "info.json").write_text(json.dumps(info))
    out = tmp_path / "back.hdf5"
    import_demonstrations(copy, out)
    for ours, back in zip(demos, load_demonstrations(out).demos, strict=True):
        np.testing.assert_array_equal(back.images["image.wrist"], ours.images["image.wrist"])


def change_info(folder, **changes):
    path = folder / "meta" / "info.json"
    info = json.loads(path.read_text())
    for name, value in changes.items():
        if name == "features":
            info["features"].update(value)
        else:
            info[name] = value
    path.write_text(json.dumps(info))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"codebase_version": "v2.1"}, "v3 is read"),
        ({"fps": 30}, "30 frames a second"),
        ({"data_path": "../../{chunk_index}"}, "only"),
        ({"features": {"observation.state": {"dtype": "float32", "shape": [14]}}}, r"\[14\]"),
        ({"features": {"action": None}}, "no feature 'action'"),
        ({"features": {"observation.images.wrist": {"dtype": "video", "shape": [480, 640, 3]}}}, "480"),
        ({"features": {"observation.images.wrist": {"dtype": "sound", "shape": [84, 84, 3]}}}, "neither"),
    ],
)
def test_datasets_of_other_things_are_refused_in_one_line(copy, tmp_path, changes, said):
    change_info(copy, **changes)
    with pytest.raises(DatasetError, match=said) as error:
        import_demonstrations(copy, tmp_path / "out.hdf5")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("out*"))


def test_frames_of_another_profile_are_refused(folder, tmp_path):
    with pytest.raises(DatasetError, match="profile 'fast'"):
        import_demonstrations(folder, tmp_path / "out.hdf5", profile="reference")


def test_frames_of_another_task_are_refused(folder, tmp_path):
    with pytest.raises(DatasetError, match="Lift-v1"):
        import_demonstrations(folder, tmp_path / "out.hdf5", task="Can")


@pytest.mark.parametrize("kept", [0, 100, 0.5])
@pytest.mark.parametrize("kind", ["info.json", "data", "meta/episodes", "videos"])
def test_truncated_files_are_refused_in_one_line(copy, tmp_path, kind, kept):
    paths = sorted(path for path in copy.rglob("*") if path.is_file() and kind in str(path.relative_to(copy)))
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    with pytest.raises(DatasetError) as error:
        import_demonstrations(copy, tmp_path / "out.hdf5")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("out*"))


def test_playlist_in_the_place_of_a_video_is_not_followed(copy, tmp_path):
    video = next((copy / "videos").rglob("*.mp4"))
    video.with_name("other.mp4").write_bytes(video.read_bytes())
    video.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(DatasetError, match="damaged or no mp4"):
        import_demonstrations(copy, tmp_path / "out.hdf5")


def test_folder_that_exists_is_left_alone(file, folder):
    with pytest.raises(DatasetError, match="exists already"):
        export_lerobot(file, folder)


def test_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "some").mkdir()
    with pytest.raises(DatasetError, match="no LeRobotDataset"):
        import_demonstrations(tmp_path / "some", tmp_path / "out.hdf5", task="Lift")


def test_without_pyarrow_the_extra_is_named(file, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DatasetError, match=r'pip install "fdp-bench\[lerobot-data\]"'):
        export_lerobot(file, tmp_path / "out")

"""A dataset of ours in LeRobot's own hands, and one of LeRobot's in ours; `tox -e lerobot-data` installs LeRobot."""

import os

import numpy as np
import pytest
import torch
from demo_data import HEADER
from test_lerobot_data import CAMERAS, LENGTHS, foreign, smooth_episode

from fdp_bench.demos.dataset import load_demonstrations
from fdp_bench.demos.formats.importing import import_demonstrations
from fdp_bench.demos.formats.lerobot.write import export_lerobot
from fdp_bench.demos.robomimic import write_hdf5

#: Kept for the length of the process: what a `Library` defines goes with it.
_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def _import_lerobot():
    """Import LeRobot's datasets; why not, where they cannot be."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import lerobot
    except ImportError as error:
        return f"LeRobot is not installed ({error}); tox -e lerobot-data brings it"
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # Its wheel for CUDA cannot load its compiled half beside a PyTorch for CPUs; datasets need nothing of it.
        for name in ("nms", "qnms"):
            _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        import lerobot.datasets.lerobot_dataset  # noqa: F401
    except (ImportError, RuntimeError) as error:
        return f"LeRobot's datasets cannot be imported ({error})"
    return ""


REASON = _import_lerobot()
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=REASON),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def _decode_with_pyav(monkeypatch):
    """LeRobot decodes by torchcodec or by a reader that torchvision has dropped; PyAV, its third, is what is there."""
    import av

    def decode(path, timestamps, tolerance_s, backend=None):
        with av.open(str(path)) as container:
            frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        times = np.array([time for time, _ in frames])
        found = [int(np.abs(times - wanted).argmin()) for wanted in timestamps]
        assert np.abs(times[found] - timestamps).max() < tolerance_s
        return torch.stack([torch.from_numpy(frames[index][1]).permute(2, 0, 1) / 255 for index in found])

    monkeypatch.setattr("lerobot.datasets.lerobot_dataset.decode_video_frames", decode)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "demos.hdf5"
    episodes = [smooth_episode(seed, steps) for seed, steps in enumerate(LENGTHS)]
    write_hdf5(path, episodes, {"env_name": "Lift", "type": 1, "env_kwargs": {}, "fdp_bench": HEADER})
    return path


def test_lerobot_reads_every_step_of_ours(file, tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    export_lerobot(file, tmp_path / "lerobot")
    dataset = LeRobotDataset("fdp-bench/made", root=tmp_path / "lerobot", video_backend="pyav")
    assert (dataset.num_episodes, dataset.num_frames, dataset.fps) == (3, sum(LENGTHS), 20)
    assert set(dataset.meta.stats["action"]) >= {"min", "max", "mean", "std", "count"}
    index = 0
    for episode, demo in enumerate(load_demonstrations(file).demos):
        for step in range(len(demo)):
            item = dataset[index]
            np.testing.assert_array_equal(item["observation.state"], demo.prop[step])
            np.testing.assert_array_equal(item["action"], demo.actions[step])
            assert (int(item["episode_index"]), int(item["frame_index"])) == (episode, step)
            assert item["task"].startswith("Lift a cube")
            for key in CAMERAS:
                shown = item[key.replace("image.", "observation.images.")].permute(1, 2, 0).numpy() * 255
                assert np.abs(shown - demo.images[key][step]).mean() < 8
            index += 1


def test_lerobot_reads_somebody_elses_task_of_ours(tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    file = foreign(tmp_path / "reach.hdf5", control_hz=10.0)
    export_lerobot(file, tmp_path / "reach")
    dataset = LeRobotDataset("fdp-bench/reach", root=tmp_path / "reach", video_backend="pyav")
    demo = load_demonstrations(file).demos[1]
    item = dataset[len(demo) + 2]
    assert (dataset.fps, item["task"]) == (10, "mine/Reach-v0")
    np.testing.assert_array_equal(item["observation.where"], demo.vectors["where"][2])
    np.testing.assert_array_equal(item["action"], demo.actions[2])
    shown = item["observation.images.front"].permute(1, 2, 0).numpy() * 255
    assert np.abs(shown - demo.images["image.front"][2]).mean() < 8


def test_windows_over_time_stay_in_their_episode(file, tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    export_lerobot(file, tmp_path / "lerobot")
    dataset = LeRobotDataset(
        "fdp-bench/made",
        root=tmp_path / "lerobot",
        video_backend="pyav",
        delta_timestamps={"action": [0.0, 0.05, 0.1]},
    )
    item = dataset[LENGTHS[0] - 2]
    assert item["action_is_pad"].tolist() == [False, False, True]
    np.testing.assert_array_equal(item["action"][:2], load_demonstrations(file).demos[0].actions[-2:])


def test_what_lerobot_records_is_read(tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    picture = {"dtype": "image", "shape": (84, 84, 3), "names": ["height", "width", "channels"]}
    made = [smooth_episode(seed, steps) for seed, steps in enumerate(LENGTHS)]
    dataset = LeRobotDataset.create(
        "somebody/theirs",
        fps=20,
        root=tmp_path / "theirs",
        use_videos=False,
        features={
            "observation.state": {"dtype": "float32", "shape": (16,), "names": None},
            "action": {"dtype": "float32", "shape": (7,), "names": None},
            **{key.replace("image.", "observation.images."): picture for key in CAMERAS},
        },
    )
    for episode in made:
        for step in range(len(episode.actions)):
            frames = {
                key.replace("image.", "observation.images."): episode.images[key][step] for key in CAMERAS
            }
            dataset.add_frame(
                {
                    "observation.state": episode.prop[step],
                    "action": episode.actions[step],
                    "task": "lift",
                    **frames,
                }
            )
        dataset.save_episode()
    dataset.finalize()
    out = tmp_path / "ours.hdf5"
    import_demonstrations(tmp_path / "theirs", out, task="Lift")
    for episode, demo in zip(made, load_demonstrations(out).demos, strict=True):
        np.testing.assert_array_equal(demo.prop, episode.prop)
        np.testing.assert_array_equal(demo.actions, episode.actions)
        for key in CAMERAS:
            np.testing.assert_array_equal(demo.images[key], episode.images[key])

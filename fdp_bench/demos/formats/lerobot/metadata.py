"""What a LeRobotDataset v3 says of itself: its features, its statistics, and a row for each episode."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.dataset import Demonstration, Demonstrations
from fdp_bench.demos.formats.lerobot import layout
from fdp_bench.demos.formats.lerobot.stats import episode_statistics, statistics
from fdp_bench.demos.formats.video import CODEC, pixel_format
from fdp_bench.tasks import TASKS

_ROBOT_TYPE = "panda"


def vectors(demo: Demonstration) -> dict[str, npt.NDArray[np.float32]]:
    """LeRobot's feature -> numbers, shape (T, D)."""
    numbers = {
        layout.vector_feature(key): values
        for key, values in demo.observations.items()
        if key not in demo.images
    }
    return {**numbers, layout.ACTION: demo.actions}


def episode_row(
    number: int,
    demo: Demonstration,
    data: Demonstrations,
    place: dict[str, int],
    start: int,
    second: float,
    fps: int,
) -> dict[str, Any]:
    """A row of the table of episodes.

    Args:
        number: The episode's number.
        demo: The episode.
        data: What it is of.
        place: Its file, see `fdp_bench.demos.formats.lerobot.layout.file_place`.
        start: Its first row, counted through the whole dataset.
        second: When it begins in its file's videos.
        fps: Frames a second.
    """
    row: dict[str, Any] = {
        "episode_index": number,
        "tasks": [_task_text(data.task_id)],
        "length": len(demo),
        "data/chunk_index": place["chunk_index"],
        "data/file_index": place["file_index"],
        "dataset_from_index": start,
        "dataset_to_index": start + len(demo),
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }
    for key in demo.images:
        video = f"videos/{layout.camera_feature(key)}"
        row |= {
            f"{video}/chunk_index": place["chunk_index"],
            f"{video}/file_index": place["file_index"],
            f"{video}/from_timestamp": second,
            f"{video}/to_timestamp": second + len(demo) / fps,
        }
    arrays: dict[str, npt.NDArray[Any]] = dict(vectors(demo))
    arrays |= {layout.camera_feature(key): frames for key, frames in demo.images.items()}
    return row | episode_statistics(arrays)


def write_metadata(
    folder: Path, data: Demonstrations, demos: Sequence[Demonstration], rows: list[dict[str, Any]], fps: int
) -> None:
    """Write all that lies in ``meta`` but our own card.

    Args:
        folder: The dataset's folder.
        data: What it is of.
        demos: The episodes.
        rows: The table of episodes, see `episode_row`.
        fps: Frames a second.
    """
    pyarrow, parquet = layout.import_parquet()
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    info = {
        "codebase_version": layout.VERSION,
        "robot_type": _ROBOT_TYPE if data.task_id in TASKS else None,
        "total_episodes": len(demos),
        "total_frames": sum(map(len, demos)),
        "total_tasks": 1,
        "chunks_size": layout.CHUNK_SIZE,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{len(demos)}"},
        "data_path": layout.DATA_PATH,
        "video_path": layout.VIDEO_PATH if demos[0].images else None,
        "features": _features(demos[0], fps),
    }
    (folder / layout.INFO_PATH).write_text(json.dumps(info, indent=4) + "\n", encoding="utf-8")
    arrays = {name: np.concatenate([vectors(demo)[name] for demo in demos]) for name in vectors(demos[0])}
    cameras = {layout.camera_feature(key): [demo.images[key] for demo in demos] for key in demos[0].images}
    stats = statistics(arrays, cameras)
    (folder / layout.STATS_PATH).write_text(json.dumps(stats, indent=4) + "\n", encoding="utf-8")
    # pandas keeps the index in the Parquet file, and LeRobot finds a task's number by its text there.
    import pandas as pd

    pd.DataFrame({"task_index": [0]}, index=[_task_text(data.task_id)]).to_parquet(folder / layout.TASKS_PATH)
    path = folder / layout.EPISODES_PATH.format(**layout.file_place(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def _features(demo: Demonstration, fps: int) -> dict[str, Any]:
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": [values.shape[1]], "names": None}
        for name, values in vectors(demo).items()
    }
    for key, frames in demo.images.items():
        height, width = frames.shape[1:3]
        features[layout.camera_feature(key)] = {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.codec": CODEC,
                "video.pix_fmt": pixel_format((height, width)),
                "video.is_depth_map": False,
                "video.fps": fps,
                "video.channels": 3,
                "has_audio": False,
            },
        }
    rows = {
        name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in layout.ROW_FEATURES.items()
    }
    return features | rows


def _task_text(task_id: str) -> str:
    return TASKS[task_id].summary if task_id in TASKS else task_id

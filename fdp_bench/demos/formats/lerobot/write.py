"""Writes a demonstration file as a LeRobotDataset v3: Parquet for numbers, mp4 for cameras.

The numbers are exact, actions in the environment's own units; the frames are compressed, see
`fdp_bench.demos.formats.video`. How far they are off is measured and stands in the card, ``meta/fdp_bench.json``.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, TaskInfo
from fdp_bench.demos.advice import way_to
from fdp_bench.demos.card import dataset_card
from fdp_bench.demos.dataset import Demonstration, Demonstrations, load_demonstrations
from fdp_bench.demos.formats.lerobot import layout
from fdp_bench.demos.formats.lerobot.metadata import episode_row, vectors, write_metadata
from fdp_bench.demos.formats.video import CODEC, QUALITY_CRF, read_video, write_video
from fdp_bench.tasks import TASKS

#: Most frames of one video and of one Parquet file; whole demonstrations only.
_FRAMES_PER_FILE = 20_000


@dataclass(frozen=True)
class ExportSummary:
    """What an export did.

    Attributes:
        path: The folder.
        num_demos: Demonstrations in it.
        mean_pixel_error: Camera key -> mean absolute difference of the compressed frames, of 255.
    """

    path: Path
    num_demos: int
    mean_pixel_error: Mapping[str, float]


def export_lerobot(source: Path, out: Path, *, num_demos: int | None = None) -> ExportSummary:
    """Write a LeRobotDataset v3. Lead-ins are left out.

    Args:
        source: Demonstration file, HDF5 or packed.
        out: Folder to write; must not exist.
        num_demos: Number of demonstrations, the first ones; None takes all.

    Returns:
        What was done.

    Raises:
        DatasetError: If `source` cannot be read, `out` exists or cannot be written, pyarrow is missing, or LeRobot has
            no such rate or name of a sense.
    """
    layout.import_parquet()
    if out.exists():
        raise DatasetError(f"{out} exists already; delete it or choose another --out")
    data = load_demonstrations(source, num_demos=num_demos)
    demos = _in_own_units(data, data.demos[:num_demos])
    fps = _whole_rate(data)
    for key in demos[0].observations:
        if "/" in key:
            raise DatasetError(
                f"LeRobot's features cannot be called {key!r}, with a '/'; rename it in the map"
            )
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        errors = _write(unfinished, data, demos, fps)
        card = {**dataset_card(source, num_demos=num_demos), "video": _video_card(errors)}
        (unfinished / layout.CARD_PATH).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(out)
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error.strerror or error}; choose another --out") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return ExportSummary(out, len(demos), errors)


def _in_own_units(data: Demonstrations, demos: Sequence[Demonstration]) -> tuple[Demonstration, ...]:
    """LeRobot's datasets hold what the environment is given; ours hold it scaled to [-1, 1]."""
    if data.task_id in TASKS:
        return tuple(demos)
    if "action_low" not in data.card:
        raise DatasetError(
            f"the file of {data.task_id} does not say the bounds of its actions, which a LeRobotDataset holds in the "
            f"environment's own units; {way_to('record it again', data.task_id)}"
        )
    info = TaskInfo(
        task_id=data.task_id,
        modalities={},
        observation_shapes={},
        action_dim=demos[0].actions.shape[1],
        horizon=1,
        control_hz=1.0,
        action_low=tuple(data.card["action_low"]),
        action_high=tuple(data.card["action_high"]),
    )
    return tuple(replace(demo, actions=info.own_actions(demo.actions).astype(np.float32)) for demo in demos)


def _whole_rate(data: Demonstrations) -> int:
    """Control steps a second, which LeRobot counts in whole numbers."""
    task = TASKS.get(data.task_id)
    rate = task.control_hz if task else data.card.get("control_hz")
    if not isinstance(rate, int | float) or not 1 <= rate < 1e4 or rate != int(rate):
        said = "does not say" if rate is None else f"says {rate!r:.40}"
        raise DatasetError(
            f"a LeRobotDataset has a whole number of control steps a second; the file of {data.task_id} {said}"
        )
    return int(rate)


def _write(folder: Path, data: Demonstrations, demos: Sequence[Demonstration], fps: int) -> dict[str, float]:
    files = _files(demos)
    rows: list[dict[str, Any]] = []
    errors: dict[str, list[float]] = {key: [] for key in demos[0].images}
    start = 0
    for number, group in enumerate(files):
        place = layout.file_place(number)
        _write_rows(
            folder / layout.DATA_PATH.format(**place),
            group,
            first_index=start,
            first_episode=len(rows),
            fps=fps,
        )
        for key in errors:
            path = folder / layout.VIDEO_PATH.format(video_key=layout.camera_feature(key), **place)
            errors[key].append(_write_frames(path, group, key, fps) * sum(map(len, group)))
        offset = 0
        for demo in group:
            rows.append(episode_row(len(rows), demo, data, place, start, offset / fps, fps))
            start, offset = start + len(demo), offset + len(demo)
    write_metadata(folder, data, demos, rows, fps)
    return {key: sum(parts) / start for key, parts in errors.items()}


def _files(demos: Sequence[Demonstration]) -> list[list[Demonstration]]:
    files: list[list[Demonstration]] = [[]]
    for demo in demos:
        if files[-1] and sum(map(len, files[-1])) + len(demo) > _FRAMES_PER_FILE:
            files.append([])
        files[-1].append(demo)
    return files


def _write_rows(
    path: Path, demos: Sequence[Demonstration], *, first_index: int, first_episode: int, fps: int
) -> None:
    pyarrow, parquet = layout.import_parquet()
    columns: dict[str, Any] = {}
    for name in vectors(demos[0]):
        values = np.concatenate([vectors(demo)[name] for demo in demos]).astype(np.float32)
        columns[name] = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.ravel()), values.shape[1])
    lengths = [len(demo) for demo in demos]
    frame = np.concatenate([np.arange(length) for length in lengths])
    columns |= {
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.repeat(np.arange(len(demos)) + first_episode, lengths),
        "index": np.arange(len(frame)) + first_index,
        "task_index": np.zeros(len(frame), np.int64),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path)


def _write_frames(path: Path, demos: Sequence[Demonstration], key: str, fps: int) -> float:
    """Write one camera's frames and read them again; returns the mean absolute difference."""

    def frames() -> Iterator[npt.NDArray[np.uint8]]:
        for demo in demos:
            yield from demo.images[key]

    height, width = demos[0].images[key].shape[1:3]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames(), fps=fps, side=(height, width))
    differences = [
        float(np.abs(drawn.astype(np.int16) - back).mean())
        for drawn, back in zip(frames(), read_video(path, side=(height, width)), strict=True)
    ]
    return float(np.mean(differences))


def _video_card(errors: Mapping[str, float]) -> dict[str, Any]:
    return {
        "lossy": True,
        "codec": CODEC,
        "crf": QUALITY_CRF,
        "mean_absolute_pixel_error": {key: round(error, 4) for key, error in errors.items()},
        "note": "sha256 and file_sha256 are those of the file it was written from; the frames here are compressed.",
    }

"""Reads the folder of a LeRobotDataset v3: Parquet for numbers, mp4 for cameras.

It holds no simulator states, so its observations are taken as they are: they must have the task's shapes, and frames
that were compressed stay as they are.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, TaskInfo
from fdp_bench.api.untrusted import parse_json, read_limited
from fdp_bench.demos.formats import lerobot_layout as layout
from fdp_bench.demos.formats.episode import (
    MAX_STEPS,
    ImportedEpisode,
    Origin,
    checked_actions,
    checked_prop,
)
from fdp_bench.demos.formats.video import read_video

_MAX_INFO_BYTES = 2**24
#: Most bytes of a Parquet file's columns, unpacked.
_MAX_TABLE_BYTES = 2**32
#: Cameras of the package's tasks under other names that are common.
_OTHER_CAMERA_NAMES = {
    "image.wrist": ("robot0_eye_in_hand", "eye_in_hand", "robot0_eye_in_hand_image"),
    "image.agentview": ("agentview_image",),
}


def task_in_card(path: Path) -> str:
    """The task that the card of a dataset of ours names.

    Raises:
        DatasetError: If it names none.
    """
    task = _json(path).get("task")
    if not isinstance(task, str):
        raise DatasetError(f"{path} names no task; name one with --task")
    return task


class LerobotFolder:
    """An opened dataset; see `fdp_bench.demos.formats.episode.Source`.

    Args:
        path: The dataset's folder, the one with ``meta/info.json``.
        task: The task that it shall be read as.

    Raises:
        DatasetError: If the folder is no LeRobotDataset v3, damaged, of another rate, or lacks what the task shows.
    """

    def __init__(self, path: Path, task: TaskInfo) -> None:
        self._path, self._task = path, task
        layout.import_parquet()
        info = _json(path / layout.INFO_PATH)
        version = str(info.get("codebase_version"))[:20]
        if not version.startswith("v3."):
            raise DatasetError(
                f"{path} is a LeRobotDataset {version}; v3 is read "
                "(lerobot's convert_dataset_v21_to_v30 turns v2.1 into it)"
            )
        if info.get("fps") != task.control_hz:
            raise DatasetError(
                f"{path} has {info.get('fps')!r:.40} frames a second, the task {task.control_hz:g}"
            )
        for name, ours in (("data_path", layout.DATA_PATH), ("video_path", layout.VIDEO_PATH)):
            if info.get(name) not in (ours, None):
                raise DatasetError(f"{path} keeps its files at {info[name]!r:.80}; only {ours!r} is read")
        self._fps = task.control_hz
        features = info.get("features")
        self._features: Mapping[str, Any] = features if isinstance(features, dict) else {}
        self._cameras = {key: self._camera(key) for key in task.modalities["vision"]}
        self._require(layout.STATE, list(task.observation_shapes["prop"]))
        self._require(layout.ACTION, [task.action_dim])
        self._vectors = {layout.STATE: self._shape("prop")[0], layout.ACTION: task.action_dim}
        if layout.TACTILE in self._features and "tactile" in task.observation_shapes:
            self._require(layout.TACTILE, list(self._shape("tactile")))
            self._vectors[layout.TACTILE] = self._shape("tactile")[0]
        self._episodes = self._read_episodes()
        self.num_demos = len(self._episodes)
        self.origin = self._describe(info)
        self._table: tuple[tuple[int, int], Any] | None = None
        self._videos = {
            feature: _FrameReader(path, feature, self._shape(key)) for key, feature in self._cameras.items()
        }

    def __enter__(self) -> "LerobotFolder":
        return self

    def __exit__(self, *_: object) -> None:
        for video in self._videos.values():
            video.close()

    def episodes(self, count: int) -> Iterator[ImportedEpisode]:
        """The first `count` demonstrations, by their numbers.

        Raises:
            DatasetError: If one is damaged.
        """
        for row in self._episodes[:count]:
            place = f"{self._path}, episode {row['episode_index']}"
            rows = self._rows(row, place)
            steps = len(rows[layout.ACTION])
            images = {key: self._frames(feature, rows, row, steps) for key, feature in self._cameras.items()}
            yield ImportedEpisode(
                prop=checked_prop(rows[layout.STATE], place),
                images=images,
                actions=checked_actions(rows[layout.ACTION], place, self.origin),
                tactile=checked_prop(rows[layout.TACTILE], place) if layout.TACTILE in rows else None,
            )

    def _describe(self, info: Mapping[str, Any]) -> Origin:
        origin = Origin("lerobot", {"codebase_version": info["codebase_version"], "folder": self._path.name})
        card_path = self._path / layout.CARD_PATH
        if card_path.is_file():
            card = _json(card_path)
            if card.get("task") != self._task.task_id:
                raise DatasetError(
                    f"{self._path} holds demonstrations of {card.get('task')!r:.80}, not of {self._task.task_id}"
                )
            if card.get("profile") != self._task.profile:
                raise DatasetError(
                    f"{self._path} has frames of profile {card.get('profile')!r:.40}; "
                    "without simulator states no others can be made: name that one with --profile"
                )
            origin.details |= {name: card.get(name) for name in ("seed", "expert", "sha256", "video")}
        else:
            origin.notes.append(
                "Nothing in it shows that its frames and its state are drawn and laid out as the task's."
            )
        if any(self._features[feature].get("dtype") == "video" for feature in self._cameras.values()):
            origin.details["lossy_frames"] = True
            origin.notes.append(
                "Frames come out of compressed video: near those that were drawn, not equal to them."
            )
        return origin

    def _shape(self, key: str) -> tuple[int, ...]:
        return self._task.observation_shapes[key]

    def _camera(self, key: str) -> str:
        names = [key.removeprefix("image."), *_OTHER_CAMERA_NAMES.get(key, ())]
        candidates = [layout.camera_feature(name) for name in names]
        feature = next((name for name in candidates if name in self._features), candidates[0])
        self._require(feature, list(self._shape(key)))
        if self._features[feature].get("dtype") not in ("video", "image"):
            raise DatasetError(f"{self._path}: {feature} is neither video nor images")
        return feature

    def _require(self, feature: str, shape: list[int]) -> None:
        entry = self._features.get(feature)
        if not isinstance(entry, dict):
            held = ", ".join(sorted(str(name)[:60] for name in self._features)[:20]) or "none"
            raise DatasetError(
                f"{self._path} has no feature {feature!r}, which {self._task.task_id} shows; it has {held}"
            )
        if entry.get("shape") != shape:
            raise DatasetError(
                f"{self._path}: {feature} has shape {entry.get('shape')!r:.60}, the task's is {shape}"
            )

    def _read_episodes(self) -> list[dict[str, Any]]:
        wanted = ["episode_index", "length", "data/chunk_index", "data/file_index"]
        for feature in self._cameras.values():
            if self._features[feature]["dtype"] == "video":
                wanted += [
                    f"videos/{feature}/{part}" for part in ("chunk_index", "file_index", "from_timestamp")
                ]
        rows: list[dict[str, Any]] = []
        for path in sorted((self._path / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
            rows += _table(path, wanted).to_pylist()
        if not rows:
            raise DatasetError(f"{self._path} holds no episodes (meta/episodes/chunk-000/file-000.parquet)")
        for row in rows:
            whole = (row[name] for name in wanted if not name.endswith("timestamp"))
            if (
                not all(isinstance(value, int) and value >= 0 for value in whole)
                or not 1 <= row["length"] <= MAX_STEPS
            ):
                raise DatasetError(f"{self._path}: the table of episodes is damaged")
        return sorted(rows, key=lambda row: int(row["episode_index"]))

    def _rows(self, row: Mapping[str, Any], place: str) -> dict[str, Any]:
        """A demonstration's columns: numbers of shape (T, D), and embedded images as they are."""
        where = (row["data/chunk_index"], row["data/file_index"])
        embedded = [name for name in self._cameras.values() if self._features[name]["dtype"] == "image"]
        if self._table is None or self._table[0] != where:
            path = self._path / layout.DATA_PATH.format(chunk_index=where[0], file_index=where[1])
            wanted = ["episode_index", "frame_index", *self._vectors, *embedded]
            self._table = (where, _table(path, wanted))
        table = self._table[1]
        mine = table.filter(np.equal(table["episode_index"].to_numpy(), row["episode_index"]))
        if mine.num_rows != row["length"]:
            raise DatasetError(
                f"{place} has {mine.num_rows} rows, the table of episodes says {row['length']}"
            )
        mine = mine.sort_by("frame_index")
        columns: dict[str, Any] = {name: mine[name].to_pylist() for name in embedded}
        for name, width in self._vectors.items():
            try:
                values = np.array(mine[name].to_pylist(), np.float64)
            except (TypeError, ValueError) as error:
                raise DatasetError(f"{place}: {name} is no table of numbers") from error
            if values.shape != (row["length"], width):
                raise DatasetError(f"{place}: {name} has shape {values.shape}, not {(row['length'], width)}")
            columns[name] = values
        return columns

    def _frames(
        self, feature: str, rows: Mapping[str, Any], row: Mapping[str, Any], steps: int
    ) -> npt.NDArray[np.uint8]:
        if self._features[feature]["dtype"] == "image":
            return np.array([self._decoded(item, feature) for item in rows[feature]], np.uint8)
        video = f"videos/{feature}"
        second = row[f"{video}/from_timestamp"]
        if not isinstance(second, (int, float)) or not 0 <= second < 1e7:
            raise DatasetError(f"{self._path}: the table of episodes is damaged")
        number = (row[f"{video}/chunk_index"], row[f"{video}/file_index"])
        return self._videos[feature].take(number, round(second * self._fps), steps)

    def _decoded(self, item: Any, feature: str) -> npt.NDArray[np.uint8]:
        import io

        from PIL import Image

        shape = next(self._shape(key) for key, name in self._cameras.items() if name == feature)
        try:
            with Image.open(io.BytesIO(item["bytes"]), formats=("PNG", "JPEG")) as picture:
                if (picture.height, picture.width) != shape[:2]:
                    raise ValueError(f"{picture.width}x{picture.height} pixels")
                return np.asarray(picture.convert("RGB"), np.uint8)
        except (OSError, TypeError, KeyError, ValueError, Image.DecompressionBombError) as error:
            raise DatasetError(f"{self._path}: {feature} holds a damaged image ({error})") from error


class _FrameReader:
    """Frames of one camera, decoded in the order in which demonstrations ask for them."""

    def __init__(self, folder: Path, feature: str, shape: tuple[int, ...]) -> None:
        self._folder, self._feature, self._side = folder, feature, (shape[0], shape[1])
        self._file: tuple[int, int] | None = None
        self._frames: Iterator[npt.NDArray[np.uint8]] = iter(())
        self._next = 0

    def take(self, file: tuple[int, int], first: int, count: int) -> npt.NDArray[np.uint8]:
        """Frames `first` to ``first + count`` of a file, shape (count, H, W, 3)."""
        path = self._folder / layout.VIDEO_PATH.format(
            video_key=self._feature, chunk_index=file[0], file_index=file[1]
        )
        if file != self._file or first < self._next:
            self.close()
            self._file, self._next = file, 0
            self._frames = read_video(path, side=self._side)
        frames = []
        for frame in self._frames:
            self._next += 1
            if self._next > first:
                frames.append(frame)
            if len(frames) == count:
                break
        if len(frames) < count:
            raise DatasetError(f"{path} ends before frame {first + count}, which an episode asks for")
        return np.array(frames, np.uint8)

    def close(self) -> None:
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()


def _json(path: Path) -> dict[str, Any]:
    try:
        value = parse_json(read_limited(path, _MAX_INFO_BYTES))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is missing or no JSON ({error})") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{path} is no JSON object")
    return value


def _table(path: Path, columns: list[str]) -> Any:
    """Some columns of a Parquet file, `pyarrow.Table`."""
    pyarrow, parquet = layout.import_parquet()
    if not path.is_file():
        raise DatasetError(f"there is no file {path}")
    try:
        with parquet.ParquetFile(path, memory_map=False) as file:
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            if sum(group.total_byte_size for group in groups) > _MAX_TABLE_BYTES:
                raise DatasetError(f"{path} unpacks to more than {_MAX_TABLE_BYTES // 2**30} GiB")
            missing = sorted(set(columns) - set(file.schema_arrow.names))
            if missing:
                raise DatasetError(f"{path} has no column {missing[0]!r}")
            return file.read(columns=columns, use_threads=False)
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        raise DatasetError(
            f"{path} is truncated or no Parquet file ({str(error).splitlines()[0][:120]})"
        ) from error

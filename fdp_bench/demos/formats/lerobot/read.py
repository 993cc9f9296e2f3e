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
from fdp_bench.demos.demo_episode import ImportedEpisode, Origin, checked_actions, checked_prop
from fdp_bench.demos.formats.lerobot import layout
from fdp_bench.demos.formats.lerobot.parquet import EpisodeTables
from fdp_bench.demos.formats.metadata import read_metadata
from fdp_bench.demos.formats.pictures import decode_picture
from fdp_bench.demos.formats.video import VideoReader

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
    task = read_metadata(path).get("task")
    if not isinstance(task, str):
        raise DatasetError(f"{path} names no task; name one with --task")
    return task


class LerobotFolder:
    """An opened dataset; see `fdp_bench.demos.demo_episode.Source`.

    Args:
        path: The dataset's folder, the one with ``meta/info.json``.
        task: The task that it shall be read as.

    Raises:
        DatasetError: If the folder is no LeRobotDataset v3, damaged, of another rate, or lacks what the task shows.
    """

    def __init__(self, path: Path, task: TaskInfo) -> None:
        self._path, self._task = path, task
        layout.import_parquet()
        info = read_metadata(path / layout.INFO_PATH)
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
        features_of_frames = list(self._cameras.values())
        self._tables = EpisodeTables(
            path,
            vectors=self._vectors,
            embedded=[feature for feature in features_of_frames if not self._is_video(feature)],
            videos=[feature for feature in features_of_frames if self._is_video(feature)],
        )
        self.num_demos = len(self._tables.episodes)
        self.origin = self._describe(info)
        self._videos = {
            feature: VideoReader((self._shape(key)[0], self._shape(key)[1]))
            for key, feature in self._cameras.items()
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
        for episode in self._tables.episodes[:count]:
            place = f"{self._path}, episode {episode['episode_index']}"
            rows = self._tables.rows(episode, place)
            yield ImportedEpisode(
                prop=checked_prop(rows[layout.STATE], place),
                images={key: self._frames(key, rows, episode, place) for key in self._cameras},
                actions=self._task.unit_actions(checked_actions(rows[layout.ACTION], place)),
                tactile=checked_prop(rows[layout.TACTILE], place) if layout.TACTILE in rows else None,
            )

    def _describe(self, info: Mapping[str, Any]) -> Origin:
        origin = Origin("lerobot", {"codebase_version": info["codebase_version"], "folder": self._path.name})
        card_path = self._path / layout.CARD_PATH
        if card_path.is_file():
            card = read_metadata(card_path)
            if card.get("task") != self._task.task_id:
                raise DatasetError(
                    f"{self._path} holds demonstrations of {card.get('task')!r:.80}, not of {self._task.task_id}"
                )
            if card.get("profile") != self._task.profile:
                raise DatasetError(
                    f"{self._path} has frames of profile {card.get('profile')!r:.40}; "
                    "without simulator states no others can be made: name that one with --profile"
                )
            said = ("seed", "expert", "touch_version", "sha256", "video")
            origin.details |= {name: card[name] for name in said if card.get(name) is not None}
        else:
            origin.note(
                "Nothing in it shows that its frames and its state are drawn and laid out as the task's."
            )
        if any(self._is_video(feature) for feature in self._cameras.values()):
            origin.details["lossy_frames"] = True
            origin.note("Frames come out of compressed video: near those that were drawn, not equal to them.")
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

    def _frames(
        self, key: str, rows: Mapping[str, Any], episode: Mapping[str, Any], place: str
    ) -> npt.NDArray[np.uint8]:
        feature, side = self._cameras[key], self._shape(key)[:2]
        if self._is_video(feature):
            file, second = self._tables.video_place(episode, feature)
            path = self._path / layout.VIDEO_PATH.format(
                video_key=feature, chunk_index=file[0], file_index=file[1]
            )
            return self._videos[feature].take(path, round(second * self._fps), episode["length"])
        pictures = []
        for cell in rows[feature]:
            encoded = cell.get("bytes") if isinstance(cell, dict) else None
            if not isinstance(encoded, bytes):
                raise DatasetError(f"{place}: {feature} holds no pictures")
            pictures.append(decode_picture(encoded, side=(side[0], side[1]), place=f"{place}, {feature},"))
        return np.array(pictures, np.uint8)

    def _is_video(self, feature: str) -> bool:
        return bool(self._features[feature]["dtype"] == "video")

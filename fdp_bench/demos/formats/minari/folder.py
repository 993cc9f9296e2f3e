"""Reads the folder of a Minari dataset in HDF5 (Minari 0.4 and later).

It holds no simulator states, so its observations are taken as they are: a Dict with the task's own keys, or one array
that is ``prop``. Each demonstration has one observation more than actions, the last of which nobody acted on.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, TaskInfo
from fdp_bench.demos.demo_episode import (
    MAX_STEPS,
    ImportedEpisode,
    Origin,
    checked_actions,
    checked_prop,
    checked_rewards,
)
from fdp_bench.demos.formats.metadata import parse_metadata, read_metadata, word
from fdp_bench.demos.formats.pictures import decode_picture
from fdp_bench.demos.safe_readers import hdf5
from fdp_bench.demos.safe_readers.hdf5_heaps import byte_strings

DATA_PATH = "data/main_data.hdf5"
METADATA_PATH = "data/metadata.json"


def is_minari(folder: Path) -> bool:
    """Whether a folder looks like a Minari dataset."""
    return (folder / METADATA_PATH).is_file()


class MinariFolder:
    """An opened dataset; see `fdp_bench.demos.demo_episode.Source`.

    Args:
        path: The dataset's folder, the one with ``data/metadata.json``.
        task: The task that it shall be read as.

    Raises:
        DatasetError: If it is damaged, of another format, or lacks ``prop``.
    """

    def __init__(self, path: Path, task: TaskInfo) -> None:
        self._path, self._task = path, task
        metadata = read_metadata(path / METADATA_PATH)
        _check_action_space(metadata.get("action_space"), task)
        data_format = metadata.get("data_format", "hdf5")
        if data_format != "hdf5":
            raise DatasetError(f"{path} is a Minari dataset in {data_format!r:.40}; those in 'hdf5' are read")
        self._file = hdf5.open_hdf5(path / DATA_PATH)
        try:
            self._names = sorted(
                (name for name in hdf5.names(self._file) if re.fullmatch(r"episode_\d{1,9}", name)),
                key=_number,
            )
            if not self._names:
                raise DatasetError(f"{path} holds no episodes (groups episode_0, episode_1 ...)")
        except BaseException:
            self._file.close()
            raise
        self.num_demos = len(self._names)
        details = {
            name: word(metadata.get(name)) for name in ("dataset_id", "minari_version", "algorithm_name")
        }
        self.origin = Origin("minari", {name: value for name, value in details.items() if value})
        self.origin.note(
            "Nothing in it shows that its frames and its numbers are drawn and laid out as the task's."
        )

    def __enter__(self) -> "MinariFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def episodes(self, count: int) -> Iterator[ImportedEpisode]:
        """The first `count` demonstrations, by their numbers.

        Raises:
            DatasetError: If one is damaged or has other shapes than the task.
        """
        for name in self._names[:count]:
            place = f"{self._path}, {name}"
            try:
                yield self._read(hdf5.child(self._file, name), place)
            except DatasetError as error:
                raise DatasetError(f"{place}: {error}") from error
            except (OSError, RuntimeError, TypeError, AttributeError, ValueError) as error:
                raise DatasetError(f"{place}, is damaged ({error})") from error

    def _read(self, group: Any, place: str) -> ImportedEpisode:
        import h5py

        actions = hdf5.array(group, "actions", shape=(None, self._task.action_dim))
        executed = checked_actions(actions, place)
        steps = len(executed)
        observed = hdf5.child(group, "observations")
        whole = isinstance(observed, h5py.Dataset)
        width = self._task.observation_shapes["prop"][0]
        prop = hdf5.array(group, "observations" if whole else "observations/prop", shape=(steps + 1, width))
        images = {}
        for key in self._task.modalities["vision"]:
            if not whole and hdf5.child(group, f"observations/{key}") is not None:
                images[key] = self._frames(group, f"observations/{key}", key, steps)
            else:
                self.origin.note(f"It has no {key!r}: policies that see by it cannot be trained on this.")
        rewards = None
        if hdf5.child(group, "rewards") is not None:
            rewards = checked_rewards(hdf5.array(group, "rewards", shape=(steps,)), place)
        return ImportedEpisode(checked_prop(prop[:steps], place), images, executed, rewards)

    def _frames(self, group: Any, name: str, key: str, steps: int) -> npt.NDArray[np.uint8]:
        """Frames as an array, or as Minari's JPEG pictures."""
        shape = self._task.observation_shapes[key]
        found = hdf5.child(group, name)
        if not _holds_pictures(found):
            frames = hdf5.described(group, name, shape=(steps + 1, *shape))
            if frames.dtype != np.uint8:
                raise DatasetError(f"{name} holds {frames.dtype}, not uint8")
            taken: npt.NDArray[np.uint8] = frames[:steps]
            return taken
        if found.shape != (steps + 1,):
            raise DatasetError(f"{name} has {found.shape} pictures, not {steps + 1}")
        self.origin.details["lossy_frames"] = True
        self.origin.note("Frames were JPEG pictures: near those that were drawn, not equal to them.")
        side = (shape[0], shape[1])
        pictures = [
            decode_picture(string, side=side, place=f"{name} of step {step}")
            for step, string in enumerate(byte_strings(found)[:steps])
        ]
        return np.array(pictures, np.uint8)


def _check_action_space(stated: Any, task: TaskInfo) -> None:
    """Hold the bounds of actions that a dataset states, as Minari writes a Box in JSON, against the task's."""
    space = parse_metadata(stated, "action_space") if isinstance(stated, str) else {}
    ends = {
        "low": task.action_low or [-1.0] * task.action_dim,
        "high": task.action_high or [1.0] * task.action_dim,
    }
    for end, ours in ends.items():
        theirs = space.get(end)
        if isinstance(theirs, list) and not _are_near(theirs, ours):
            raise DatasetError(
                f"the dataset's actions have the bounds {end} = {str(theirs)[:80]}, those of {task.task_id} "
                f"{[float(f'{bound:.6g}') for bound in ours]}: they have another unit"
            )


def _are_near(theirs: list[Any], ours: Sequence[float]) -> bool:
    try:
        return bool(np.allclose(np.array(theirs, np.float64), ours, rtol=1e-5, atol=1e-6))
    except (TypeError, ValueError):
        # Of another shape, which is said where actions are read.
        return True


def _holds_pictures(found: Any) -> bool:
    """Whether a dataset holds byte strings of any length, in the file itself."""
    import h5py

    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external or len(found) > MAX_STEPS:
        return False
    kind: Any = h5py.check_vlen_dtype(found.dtype)
    return kind is not None and np.dtype(kind) == np.uint8


def _number(name: str) -> int:
    return int(name.removeprefix("episode_"))

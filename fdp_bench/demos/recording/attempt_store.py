"""What a collection has so far: a folder with one file an attempt, so that a killed collection can go on."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api import DatasetError
from fdp_bench.api.validation import read_json
from fdp_bench.demos.demo_episode import RecordedEpisode
from fdp_bench.demos.safe_readers.npz import SafeArchive

_HEADER = "collection.json"
_IMAGE_PREFIX = "frames:"
#: Largest header (bytes); it names a task, a seed and some versions.
_MAX_HEADER_BYTES = 2**20


class AttemptStore:
    """A folder of attempts, kept or not. Files appear whole or not at all.

    Args:
        folder: Created where it is missing.
        header: What decides the data (task, seed, versions); a folder begun with another one is refused.

    Raises:
        DatasetError: If the folder was begun with another header, or cannot be written.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder = folder
        text = json.dumps(dict(header), indent=1, sort_keys=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _HEADER).exists():
                self._write(_HEADER, text.encode())
            begun = read_json(folder / _HEADER, _MAX_HEADER_BYTES)
        except OSError as error:
            raise DatasetError(
                f"cannot write {folder}: {error.strerror or error}; choose another --out"
            ) from error
        except ValueError as error:
            raise DatasetError(
                f"{folder / _HEADER} is damaged ({error}); delete {folder} to start again"
            ) from error
        if differing := _differing(begun, json.loads(text)):
            raise DatasetError(
                f"{folder} was begun with other settings ({differing}); "
                "repeat them, or delete it to start again"
            )

    def __contains__(self, attempt: int) -> bool:
        return self._path(attempt).exists()

    def add(self, attempt: int, episode: RecordedEpisode | None) -> None:
        """Keep an attempt's episode, or note with None that it is not kept."""
        buffer = io.BytesIO()
        if episode is None:
            np.savez_compressed(buffer, kept=np.array(False))
        else:
            np.savez_compressed(
                buffer,
                kept=np.array(True),
                states=episode.states,
                actions=episode.actions,
                rewards=episode.rewards,
                prop=episode.prop,
                tactile=episode.tactile,
                lead_in_steps=np.array(episode.lead_in_steps),
                model_file=np.frombuffer(episode.model_file.encode(), np.uint8),
                **{_IMAGE_PREFIX + key: frames for key, frames in episode.images.items()},
            )
        self._write(self._path(attempt).name, buffer.getvalue())

    def is_kept(self, attempt: int) -> bool:
        """Whether an attempt that was made left an episode.

        Raises:
            DatasetError: If its file is damaged.
        """
        with self._open(attempt) as data:
            return bool(data.array("kept", dtype=bool, ndim=0))

    def episodes(self, attempts: list[int]) -> Iterator[RecordedEpisode]:
        """The episodes of attempts that are kept, one at a time.

        Raises:
            DatasetError: If an attempt's file is damaged.
        """
        for attempt in attempts:
            with self._open(attempt) as data:
                episode = RecordedEpisode(
                    states=data.array("states", dtype=np.float64, ndim=2),
                    actions=data.array("actions", dtype=np.float32, ndim=2),
                    rewards=data.array("rewards", dtype=np.float32, ndim=1),
                    prop=data.array("prop", dtype=np.float32, ndim=2),
                    tactile=data.array("tactile", dtype=np.float32, ndim=2),
                    images={
                        name.removeprefix(_IMAGE_PREFIX): data.array(name, dtype=np.uint8, ndim=4)
                        for name in data.names()
                        if name.startswith(_IMAGE_PREFIX)
                    },
                    lead_in_steps=int(data.array("lead_in_steps", dtype=np.int64, ndim=0)),
                    model_file=data.array("model_file", dtype=np.uint8, ndim=1).tobytes().decode(),
                )
            yield episode

    @contextmanager
    def _open(self, attempt: int) -> Iterator[SafeArchive]:
        path = self._path(attempt)
        try:
            with SafeArchive(path) as archive:
                yield archive
        except DatasetError as error:
            raise DatasetError(f"{error}; delete {path} to make the attempt again") from error
        except Exception as error:
            raise DatasetError(
                f"{path} is damaged ({type(error).__name__}); delete it to make the attempt again"
            ) from error

    def _path(self, attempt: int) -> Path:
        return self.folder / f"attempt_{attempt:06d}.npz"

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self.folder / f"{name}.unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(self.folder / name)


def _differing(begun: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    keys = [key for key in sorted({*begun, *asked}) if begun.get(key) != asked.get(key)]
    return ", ".join(f"{key} {begun.get(key)!r}, now {asked.get(key)!r}" for key in keys)

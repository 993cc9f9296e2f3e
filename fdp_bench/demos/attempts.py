"""What a collection has so far: a folder with one file an attempt, so that a killed collection can go on."""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api import DatasetError
from fdp_bench.demos.episode import RecordedEpisode

_HEADER = "collection.json"
_IMAGE_PREFIX = "frames:"


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
            begun = (folder / _HEADER).read_text()
        except OSError as error:
            raise DatasetError(f"cannot write {folder}: {error.strerror}; choose another --out") from error
        if begun != text:
            differing = _differing(json.loads(begun), json.loads(text))
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
        """Whether an attempt that was made left an episode."""
        with np.load(self._path(attempt), allow_pickle=False) as data:
            return bool(data["kept"])

    def episodes(self, attempts: list[int]) -> Iterator[RecordedEpisode]:
        """The episodes of attempts that are kept, one at a time."""
        for attempt in attempts:
            with np.load(self._path(attempt), allow_pickle=False) as data:
                yield RecordedEpisode(
                    states=data["states"],
                    actions=data["actions"],
                    rewards=data["rewards"],
                    prop=data["prop"],
                    tactile=data["tactile"],
                    images={
                        name.removeprefix(_IMAGE_PREFIX): data[name]
                        for name in data.files
                        if name.startswith(_IMAGE_PREFIX)
                    },
                    lead_in_steps=int(data["lead_in_steps"]),
                    model_file=data["model_file"].tobytes().decode(),
                )

    def _path(self, attempt: int) -> Path:
        return self.folder / f"attempt_{attempt:06d}.npz"

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self.folder / f"{name}.unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(self.folder / name)


def _differing(begun: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    keys = [key for key in sorted({*begun, *asked}) if begun.get(key) != asked.get(key)]
    return ", ".join(f"{key} {begun.get(key)!r}, now {asked.get(key)!r}" for key in keys)

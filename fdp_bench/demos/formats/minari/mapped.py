"""Reads Minari datasets of an environment that a map makes a task: raw observations and actions, put into our form.

Such a dataset holds what the environment itself showed and was given. The map says which of it is which sense, as it
does while the environment runs. Each demonstration's actions are replayed from its seed: where they do not lead to the
observations that were recorded, they mean something else. Frames that this package draws, or that `render` does, are in
no dataset and are drawn on the way; where nothing can be replayed the demonstrations lack those cameras.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api import DatasetError, Observation
from fdp_bench.demos.demo_episode import (
    ImportedEpisode,
    checked_actions,
    checked_prop,
    checked_rewards,
    cut_actions,
)
from fdp_bench.demos.formats.minari.folder import MinariFolder
from fdp_bench.demos.formats.minari.replay import Start, replay_demonstration, start_of
from fdp_bench.demos.layout import PROP_NAME, TOUCH_NAME
from fdp_bench.demos.safe_readers import hdf5
from fdp_bench.tasks.external.env import ForeignEnv


class MappedMinariFolder(MinariFolder):
    """An opened dataset; see `fdp_bench.demos.demo_episode.Source`.

    Args:
        path: The dataset's folder, the one with ``data/metadata.json``.
        env: The environment with its map.
        actions: What the user says of its actions, see `fdp_bench.demos.demo_episode.ACTION_KINDS`.

    Raises:
        DatasetError: If it is damaged or of another format.
    """

    def __init__(self, path: Path, env: ForeignEnv, actions: str | None = None) -> None:
        super().__init__(path, env.task_info)
        self._env, self._asked = env, actions
        self._drawn = [key for key in env.task_info.observation_shapes if key not in env.read_keys]
        #: Whether all demonstrations so far could be replayed; None before the first.
        self._replays: bool | None = None
        # Replaying shows whether it is of this environment.
        self.origin.notes.clear()

    def _read(self, group: Any, place: str) -> ImportedEpisode:
        actions = checked_actions(hdf5.array(group, "actions", shape=(None, self._task.action_dim)), "it")
        unit = self._task.unit_actions(actions)
        steps = len(actions)
        raw = self._raw(group, steps)
        rows = [self._env.read(_row(raw, step)) for step in range(steps)]
        seen = {key: np.array([row[key] for row in rows]) for key in self._env.read_keys}
        images = {key: values for key, values in seen.items() if values.dtype == np.uint8}
        vectors = {key: checked_prop(seen[key], place) for key in seen if key not in images}
        frames, is_shown = self._replayed(start_of(group.attrs), unit, vectors)
        images |= frames
        rewards = None
        if hdf5.child(group, "rewards") is not None:
            rewards = checked_rewards(hdf5.array(group, "rewards", shape=(steps,)), place)
        return ImportedEpisode(
            prop=vectors.pop(PROP_NAME, np.zeros((steps, 0), np.float32)),
            images=images,
            actions=cut_actions(unit, self.origin, is_shown=is_shown, asked=self._asked),
            rewards=rewards,
            tactile=vectors.pop(TOUCH_NAME, None),
            vectors=vectors,
        )

    def _replayed(
        self, start: Start, unit: npt.NDArray[np.float64], vectors: Mapping[str, npt.NDArray[np.float32]]
    ) -> tuple[dict[str, npt.NDArray[np.uint8]], bool]:
        """Frames of the cameras that are drawn, and whether the actions were seen to lead to what was recorded.

        Once a demonstration could not be replayed, none is tried any more.

        Raises:
            DatasetError: If the actions lead elsewhere from where it began, or the first one could be replayed and this
                one goes another way.
        """
        if self._replays is False:
            return {}, False
        replay = replay_demonstration(self._env, start, unit, vectors)
        if replay.why_misled:
            raise DatasetError(
                f"its actions do not lead to what was recorded: {replay.why_misled}; they have another unit than the "
                "environment's own, or it is another version of the environment"
            )
        if self._drawn and self._replays and replay.why:
            raise DatasetError(
                f"it cannot be replayed to draw its frames ({replay.why}); take those before it with --num"
            )
        self._replays = not replay.why
        self.origin.note(self._note(replay.why))
        return replay.frames, not replay.why

    def _note(self, why: str) -> str:
        if not why:
            drawn = " Frames were drawn on the way." if self._drawn else ""
            return f"Actions, replayed from where each demonstration began, led to what was recorded.{drawn}"
        unseen = (
            f" It has no {self._drawn[0]!r}: policies that see cannot be trained on this."
            if self._drawn
            else ""
        )
        return (
            f"Nothing shows that its actions are this environment's: it cannot be replayed ({why}).{unseen}"
        )

    def _raw(self, group: Any, steps: int) -> Any:
        """Observations of all steps as the environment gave them: one array, or a dict of those that the map reads."""
        space = self._env.inner.observation_space
        if not isinstance(space, spaces.Dict):
            return self._array(group, "observations", space, steps)
        if not isinstance(hdf5.child(group, "observations"), h5py.Group):
            raise DatasetError("its observations are one array, and the environment shows a Dict")
        return {
            key: self._array(group, f"observations/{key}", space.spaces[key], steps)
            for key in self._env.sources
        }

    def _array(self, group: Any, name: str, space: Any, steps: int) -> npt.NDArray[Any]:
        values = hdf5.array(group, name, shape=(steps + 1, *space.shape))
        return values[:steps].astype(space.dtype, copy=False)


def _row(raw: Any, step: int) -> Observation:
    row: Any = {key: values[step] for key, values in raw.items()} if isinstance(raw, dict) else raw[step]
    return row  # type: ignore[no-any-return]

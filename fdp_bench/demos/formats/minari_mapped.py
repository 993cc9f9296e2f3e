"""Reads Minari datasets of an environment that a map makes a task: raw observations and actions, put into our form.

Such a dataset holds what the environment itself showed and was given. The map says which of it is which sense, as it
does while the environment runs. Frames that this package draws, or that `render` does, are in no dataset; the
demonstrations then lack those cameras.
"""

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api import DatasetError, Observation
from fdp_bench.demos import guarded
from fdp_bench.demos.formats.episode import ImportedEpisode, checked_actions, checked_prop
from fdp_bench.demos.formats.minari_folder import MinariFolder
from fdp_bench.demos.layout import PROP_NAME, TOUCH_NAME
from fdp_bench.tasks.foreign_env import ForeignEnv


class MappedMinariFolder(MinariFolder):
    """An opened dataset; see `fdp_bench.demos.formats.episode.Source`.

    Args:
        path: The dataset's folder, the one with ``data/metadata.json``.
        env: The environment with its map.

    Raises:
        DatasetError: If it is damaged or of another format.
    """

    def __init__(self, path: Any, env: ForeignEnv) -> None:
        super().__init__(path, env.task_info)
        self._env = env
        missing = [key for key in env.task_info.observation_shapes if key not in env.read_keys]
        if missing:
            self.origin.note(f"It has no {missing[0]!r}: policies that see by it cannot be trained on this.")

    def _read(self, group: Any, place: str) -> ImportedEpisode:
        actions = guarded.array(group, "actions", shape=(None, self._task.action_dim))
        if not np.isfinite(actions).all():
            raise DatasetError("its actions are not finite")
        executed = checked_actions(self._env.unit_actions(actions), place, self.origin)
        steps = len(executed)
        raw = self._raw(group, steps)
        seen = [self._env.read(_row(raw, step)) for step in range(steps)]
        stacked = {key: np.array([each[key] for each in seen]) for key in self._env.read_keys}
        images = {key: values for key, values in stacked.items() if values.dtype == np.uint8}
        vectors = {key: checked_prop(stacked[key], place) for key in stacked if key not in images}
        rewards = None
        if guarded.child(group, "rewards") is not None:
            rewards = guarded.array(group, "rewards", shape=(steps,)).astype(np.float32)
        return ImportedEpisode(
            prop=vectors.pop(PROP_NAME, np.zeros((steps, 0), np.float32)),
            images=images,
            actions=executed,
            rewards=rewards,
            tactile=vectors.pop(TOUCH_NAME, None),
            vectors=vectors,
        )

    def _raw(self, group: Any, steps: int) -> Any:
        """Observations of all steps as the environment gave them: one array, or a dict of those that the map reads."""
        space = self._env.inner.observation_space
        if not isinstance(space, spaces.Dict):
            return self._array(group, "observations", space, steps)
        if not isinstance(guarded.child(group, "observations"), h5py.Group):
            raise DatasetError("its observations are one array, and the environment shows a Dict")
        return {
            key: self._array(group, f"observations/{key}", space.spaces[key], steps)
            for key in self._env.sources
        }

    def _array(self, group: Any, name: str, space: Any, steps: int) -> npt.NDArray[Any]:
        values = guarded.array(group, name, shape=(steps + 1, *space.shape))
        return values[:steps].astype(space.dtype, copy=False)


def _row(raw: Any, step: int) -> Observation:
    row: Any = {key: values[step] for key, values in raw.items()} if isinstance(raw, dict) else raw[step]
    return row  # type: ignore[no-any-return]

"""Reads Minari datasets of an environment that a map makes a task: raw observations and actions, put into our form.

Such a dataset holds what the environment itself showed and was given. The map says which of it is which sense, as it
does while the environment runs. Frames that this package draws, or that `render` does, are in no dataset. They are
drawn while each demonstration's actions are replayed from its seed, where that leads to the observations that were
recorded; elsewhere the demonstrations lack those cameras.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api import DatasetError, Observation
from fdp_bench.demos.demo_episode import ImportedEpisode, checked_actions, checked_prop, checked_rewards
from fdp_bench.demos.formats.minari.folder import MinariFolder
from fdp_bench.demos.layout import PROP_NAME, TOUCH_NAME
from fdp_bench.demos.safe_readers import hdf5
from fdp_bench.tasks.external.env import ExternalEnv

#: Seed and options of a reset.
Start = tuple[int | None, dict[str, Any]]

#: A replayed number may be this far from the recorded one, in its own unit: float32 rounds by less.
_SAME = 1e-4


class MappedMinariFolder(MinariFolder):
    """An opened dataset; see `fdp_bench.demos.demo_episode.Source`.

    Args:
        path: The dataset's folder, the one with ``data/metadata.json``.
        env: The environment with its map.

    Raises:
        DatasetError: If it is damaged or of another format.
    """

    def __init__(self, path: Path, env: ExternalEnv) -> None:
        super().__init__(path, env.task_info)
        self._env = env
        self._drawn = [key for key in env.task_info.observation_shapes if key not in env.read_keys]
        self._replays: bool | None = None if self._drawn else False
        if self._drawn:
            # Replaying shows whether it is of this environment.
            self.origin.notes.clear()

    def _read(self, group: Any, place: str) -> ImportedEpisode:
        actions = hdf5.array(group, "actions", shape=(None, self._task.action_dim))
        if not np.isfinite(actions).all():
            raise DatasetError("its actions are not finite")
        unit = self._env.unit_actions(actions)
        executed = checked_actions(unit, place, self.origin)
        steps = len(executed)
        raw = self._raw(group, steps)
        rows = [self._env.read(_row(raw, step)) for step in range(steps)]
        seen = {key: np.array([row[key] for row in rows]) for key in self._env.read_keys}
        images = {key: values for key, values in seen.items() if values.dtype == np.uint8}
        vectors = {key: checked_prop(seen[key], place) for key in seen if key not in images}
        images |= self._drawn_frames(start_of(group.attrs), unit, vectors)
        rewards = None
        if hdf5.child(group, "rewards") is not None:
            rewards = checked_rewards(hdf5.array(group, "rewards", shape=(steps,)), place)
        return ImportedEpisode(
            prop=vectors.pop(PROP_NAME, np.zeros((steps, 0), np.float32)),
            images=images,
            actions=executed,
            rewards=rewards,
            tactile=vectors.pop(TOUCH_NAME, None),
            vectors=vectors,
        )

    def _drawn_frames(
        self, start: Start, unit: npt.NDArray[np.float64], vectors: Mapping[str, npt.NDArray[np.float32]]
    ) -> dict[str, npt.NDArray[np.uint8]]:
        """Frames of the cameras that are drawn; none where the first demonstration could not be replayed.

        Raises:
            DatasetError: If the first one could be replayed, and this one goes another way.
        """
        if self._replays is False:
            return {}
        frames, why = self._replayed(start, unit, vectors)
        if self._replays is None:
            self._replays = not why
            self.origin.note(
                f"It has no {self._drawn[0]!r}, and the first demonstration cannot be replayed ({why}): policies that "
                "see cannot be trained on this."
                if why
                else "Frames were drawn while each demonstration's actions were replayed from where it began."
            )
        elif why:
            raise DatasetError(
                f"it cannot be replayed to draw its frames ({why}); take those before it with --num-demos"
            )
        return frames

    def _replayed(
        self, start: Start, unit: npt.NDArray[np.float64], vectors: Mapping[str, npt.NDArray[np.float32]]
    ) -> tuple[dict[str, npt.NDArray[np.uint8]], str]:
        """Frames of the drawn cameras, or why there are none: what is seen on the way must be what was recorded."""
        seed, options = start
        if seed is None and not options:
            return {}, "it says neither its seed nor its options"
        frames: dict[str, list[Any]] = {key: [] for key in self._drawn}
        try:
            observation, _ = self._env.reset(seed=seed, options=options)
            for step, action in enumerate(unit):
                for key, values in vectors.items():
                    apart = float(np.abs(observation[key] - values[step]).max())
                    if not apart <= _SAME:
                        return {}, f"at step {step} {key!r} is {apart:.3g} away from what was recorded"
                for key, drawn in frames.items():
                    drawn.append(observation[key])
                observation, _, _, _, _ = self._env.step(action)
        except Exception as error:
            # Options and actions are a stranger's, and so is what an environment makes of them.
            return {}, f"its environment raises {type(error).__name__}: {' '.join(str(error).split())[:120]}"
        return {key: np.array(drawn, np.uint8) for key, drawn in frames.items()}, ""

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


def start_of(attributes: Mapping[str, Any]) -> Start:
    """What Minari notes of how an episode was reset: its seed, None where it has none, and its options.

    Args:
        attributes: Of the episode's group. Options are flattened there, ``options/initial_state_dict/qpos`` for
            instance; only numbers are taken, and none of Minari's own.

    Raises:
        ValueError: If an option is a number and holds others.
    """
    seed = attributes.get("seed")
    options: dict[str, Any] = {}
    for name in attributes:
        first, *path = name.split("/")
        if first != "options" or not path or path[0].startswith("minari_"):
            continue
        value = attributes[name]
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub":
            inner = options
            for part in path[:-1]:
                inner = inner.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise ValueError(f"{name[:60]} lies below a number")
            inner[path[-1]] = value if isinstance(value, np.ndarray) else value.item()
    return (int(seed) if isinstance(seed, int | np.integer) and seed >= 0 else None), options


def _row(raw: Any, step: int) -> Observation:
    row: Any = {key: values[step] for key, values in raw.items()} if isinstance(raw, dict) else raw[step]
    return row  # type: ignore[no-any-return]

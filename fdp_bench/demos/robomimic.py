"""Writer of robomimic's HDF5 layout, for demonstrations that were recorded and for those that were imported.

``next_obs`` is left out: robomimic's readers for imitation take the next row of ``obs``.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.demo_episode import ImportedEpisode, RecordedEpisode
from fdp_bench.demos.layout import (
    LEAD_IN_ATTRIBUTE,
    PROP_NAME,
    PROP_PARTS,
    TOUCH_NAME,
    demo_name,
    held_out_count,
    image_name,
)

_GZIP_LEVEL = 4
#: robomimic's description of the environment, JSON-ready, this package's own part in ``fdp_bench``.
Description = Mapping[str, Any]


def write_hdf5(
    path: Path,
    episodes: Iterable[RecordedEpisode | ImportedEpisode],
    env_args: Description | Callable[[], Description],
) -> list[int]:
    """Write demonstrations; the same ones give the same bytes.

    Args:
        path: File to write, overwritten where it exists.
        episodes: The demonstrations in order, taken one at a time.
        env_args: The description, or what gives it once all demonstrations were taken.

    Returns:
        Their lengths in control steps.
    """
    import h5py

    digest = hashlib.sha256()
    lengths: list[int] = []
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        for index, episode in enumerate(episodes):
            _write_episode(data.create_group(demo_name(index)), episode, digest)
            lengths.append(len(episode.actions))
        data.attrs["total"] = sum(lengths)
        described = env_args() if callable(env_args) else env_args
        data.attrs["env_args"] = json.dumps(described, sort_keys=True)
        data.attrs["content_sha256"] = digest.hexdigest()
        names = [demo_name(index) for index in range(len(lengths))]
        split = len(names) - held_out_count(len(names))
        file.create_dataset("mask/train", data=np.array(names[:split], "S"), track_times=False)
        file.create_dataset("mask/valid", data=np.array(names[split:] or [], "S16"), track_times=False)
    return lengths


def _write_episode(group: Any, episode: RecordedEpisode | ImportedEpisode, digest: Any) -> None:
    group.attrs["num_samples"] = len(episode.actions)
    if episode.model_file:
        group.attrs["model_file"] = episode.model_file
    group.attrs[LEAD_IN_ATTRIBUTE] = episode.lead_in_steps
    digest.update(episode.model_file.encode())
    for name, values in _arrays(episode).items():
        contiguous = np.ascontiguousarray(values)
        digest.update(name.encode())
        digest.update(contiguous)
        settings: dict[str, Any] = {"track_times": False}
        if contiguous.ndim == 4:
            # One frame a chunk: a reader that samples windows decodes only what it takes.
            settings |= {
                "chunks": (1, *contiguous.shape[1:]),
                "compression": "gzip",
                "compression_opts": _GZIP_LEVEL,
                "fletcher32": True,
            }
        group.create_dataset(name, data=contiguous, **settings)


def _arrays(episode: RecordedEpisode | ImportedEpisode) -> dict[str, npt.NDArray[Any]]:
    """Name below the demonstration's group -> values of all steps, without those that the source lacks."""
    steps = len(episode.actions)
    dones = np.zeros(steps, np.int64)
    dones[-1] = 1
    # robomimic's readers ask for rewards; imitation learners make no use of them.
    rewards = np.zeros(steps, np.float32) if episode.rewards is None else episode.rewards
    further = episode.vectors if isinstance(episode, ImportedEpisode) else {}
    arrays: dict[str, npt.NDArray[Any] | None] = {
        "states": episode.states,
        "actions": episode.actions,
        "rewards": rewards,
        "dones": dones,
        **{f"obs/{name}": values for name, values in _prop_arrays(episode.prop).items()},
        f"obs/{TOUCH_NAME}": episode.tactile,
        **{f"obs/{key}": values for key, values in further.items()},
        **{f"obs/{image_name(key)}": frames for key, frames in episode.images.items()},
    }
    return {name: values for name, values in arrays.items() if values is not None}


def _prop_arrays(prop: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """``prop`` under robomimic's names, or in one piece for an environment with other numbers."""
    if prop.shape[1] != sum(PROP_PARTS.values()):
        return {PROP_NAME: prop}
    ends = np.cumsum(list(PROP_PARTS.values()))[:-1]
    return dict(zip(PROP_PARTS, np.split(prop, ends, axis=1), strict=True))

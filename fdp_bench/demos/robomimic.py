"""Writer of robomimic's HDF5 layout.

``next_obs`` is left out: robomimic's readers for imitation take the next row of ``obs``.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.demos.episode import RecordedEpisode
from fdp_bench.demos.layout import (
    IMAGE_NAMES,
    LEAD_IN_ATTRIBUTE,
    PROP_PARTS,
    TOUCH_NAME,
    demo_name,
    held_out_count,
)

_GZIP_LEVEL = 4


def write_hdf5(path: Path, episodes: Iterable[RecordedEpisode], env_args: Mapping[str, Any]) -> None:
    """Write demonstrations; the same ones give the same bytes.

    Args:
        path: File to write, overwritten where it exists.
        episodes: The demonstrations in order.
        env_args: robomimic's description of the environment, JSON-ready.
    """
    import h5py

    digest = hashlib.sha256()
    total = 0
    lengths: list[int] = []
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        for index, episode in enumerate(episodes):
            group = data.create_group(demo_name(index))
            _write_episode(group, episode, digest)
            lengths.append(len(episode.actions))
        total = sum(lengths)
        data.attrs["total"] = total
        data.attrs["env_args"] = json.dumps(env_args, sort_keys=True)
        data.attrs["content_sha256"] = digest.hexdigest()
        held_out = held_out_count(len(lengths))
        names = [demo_name(index) for index in range(len(lengths))]
        split = len(names) - held_out
        file.create_dataset("mask/train", data=np.array(names[:split], "S"), track_times=False)
        file.create_dataset("mask/valid", data=np.array(names[split:] or [], "S16"), track_times=False)


def _write_episode(group: Any, episode: RecordedEpisode, digest: Any) -> None:
    steps = len(episode.actions)
    dones = np.zeros(steps, np.int64)
    dones[-1] = 1
    group.attrs["num_samples"] = steps
    group.attrs["model_file"] = episode.model_file
    group.attrs[LEAD_IN_ATTRIBUTE] = episode.lead_in_steps
    digest.update(episode.model_file.encode())
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "states": episode.states,
        "actions": episode.actions,
        "rewards": episode.rewards,
        "dones": dones,
    }
    start = 0
    for name, width in PROP_PARTS.items():
        arrays[f"obs/{name}"] = episode.prop[:, start : start + width]
        start += width
    arrays[f"obs/{TOUCH_NAME}"] = episode.tactile
    for key, frames in episode.images.items():
        arrays[f"obs/{IMAGE_NAMES[key]}"] = frames
    for name, values in arrays.items():
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

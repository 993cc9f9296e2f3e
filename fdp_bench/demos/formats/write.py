"""Writes imported demonstrations in the layout of this package's own files, which is robomimic's."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.demos.formats.episode import ImportedEpisode
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


def write_imported(path: Path, episodes: Iterable[ImportedEpisode]) -> list[int]:
    """Write demonstrations; the same ones give the same bytes. What they are comes later, by `write_description`.

    Args:
        path: File to write, overwritten where it exists.
        episodes: The demonstrations in order, taken one at a time.

    Returns:
        Their lengths in control steps.
    """
    import h5py

    digest = hashlib.sha256()
    lengths: list[int] = []
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        for index, episode in enumerate(episodes):
            group = data.create_group(demo_name(index))
            _write_episode(group, episode, digest)
            lengths.append(len(episode.actions))
        names = [demo_name(index) for index in range(len(lengths))]
        split = len(names) - held_out_count(len(names))
        file.create_dataset("mask/train", data=np.array(names[:split], "S"), track_times=False)
        file.create_dataset("mask/valid", data=np.array(names[split:] or [], "S16"), track_times=False)
        data.attrs["total"] = sum(lengths)
        data.attrs["content_sha256"] = digest.hexdigest()
    return lengths


def write_description(path: Path, env_args: Mapping[str, Any]) -> None:
    """Say in a written file what it holds.

    Args:
        path: The file.
        env_args: robomimic's description of the environment, this package's own part in ``fdp_bench``; JSON-ready.
    """
    import h5py

    with h5py.File(path, "r+") as file:
        file["data"].attrs["env_args"] = json.dumps(env_args, sort_keys=True)


def _write_episode(group: Any, episode: ImportedEpisode, digest: Any) -> None:
    steps = len(episode.actions)
    dones = np.zeros(steps, np.int64)
    dones[-1] = 1
    group.attrs["num_samples"] = steps
    group.attrs[LEAD_IN_ATTRIBUTE] = episode.lead_in_steps
    if episode.model_file:
        group.attrs["model_file"] = episode.model_file
    digest.update(episode.model_file.encode())
    arrays: dict[str, npt.NDArray[Any]] = {"actions": episode.actions, "dones": dones}
    if episode.states is not None:
        arrays["states"] = episode.states
    if episode.rewards is not None:
        arrays["rewards"] = episode.rewards
    arrays |= {f"obs/{name}": values for name, values in _prop_arrays(episode.prop).items()}
    if episode.tactile is not None:
        arrays[f"obs/{TOUCH_NAME}"] = episode.tactile
    arrays |= {f"obs/{image_name(key)}": frames for key, frames in episode.images.items()}
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


def _prop_arrays(prop: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """``prop`` under robomimic's names, or in one piece for an environment with other numbers."""
    if prop.shape[1] != sum(PROP_PARTS.values()):
        return {PROP_NAME: prop}
    ends = np.cumsum(list(PROP_PARTS.values()))[:-1]
    return dict(zip(PROP_PARTS, np.split(prop, ends, axis=1), strict=True))

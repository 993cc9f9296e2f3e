"""Demonstrations of other programs: robomimic's HDF5, and Minari's folders with frames as arrays or as pictures."""

import io
import json
import random
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from fdp_bench.demos.formats.minari.folder import DATA_PATH, METADATA_PATH, MinariFolder
from fdp_bench.demos.formats.robomimic.read import RobomimicFile, env_name_of

from . import binaries
from .mutate import mutate_bytes, mutate_data
from .specs import LIFT

#: Lift with frames that take no time.
SMALL = replace(
    LIFT,
    observation_shapes={
        "prop": (16,),
        "image.agentview": (4, 4, 3),
        "image.wrist": (4, 4, 3),
        "tactile": (12,),
    },
)
_METADATA = {
    "dataset_id": "lift/expert-v0",
    "minari_version": "0.5.3",
    "data_format": "hdf5",
    "total_steps": 10,
}


@lru_cache(maxsize=1)
def minari_sample() -> bytes:
    """Two episodes of five steps; one camera's frames are an array, the other's JPEG pictures."""
    from PIL import Image

    rng, path = np.random.default_rng(0), Path("minari.hdf5")
    with h5py.File(path, "w") as file:
        for number in range(2):
            group = file.create_group(f"episode_{number}")
            group["actions"] = rng.uniform(-1, 1, (5, 7)).astype(np.float32)
            group["rewards"] = np.ones(5)
            group["observations/prop"] = rng.standard_normal((6, 16)).astype(np.float32)
            frames = rng.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
            group["observations/image.agentview"] = frames
            pictures = group.create_dataset("observations/image.wrist", (6,), h5py.vlen_dtype(np.uint8))
            for at, frame in enumerate(frames):
                buffer = io.BytesIO()
                Image.fromarray(frame).save(buffer, format="JPEG")
                pictures[at] = np.frombuffer(buffer.getvalue(), np.uint8)
    return path.read_bytes()


def read_import(seed: int) -> None:
    """Spoil somebody else's demonstrations, and read them as Lift's."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        _read_minari(rng)
    else:
        _read_robomimic(rng)


def _read_minari(rng: random.Random) -> None:
    folder = Path("minari")
    (folder / DATA_PATH).parent.mkdir(parents=True, exist_ok=True)
    data, metadata = minari_sample(), json.dumps(_METADATA).encode()
    if rng.random() < 0.8:
        data = mutate_bytes(data, rng)
    elif rng.random() < 0.5:
        metadata = mutate_bytes(metadata, rng)
    else:
        metadata = json.dumps(mutate_data(_METADATA, rng)).encode("utf-8", "replace")
    (folder / DATA_PATH).write_bytes(data)
    (folder / METADATA_PATH).write_bytes(metadata)
    with MinariFolder(folder, SMALL) as opened:
        list(opened.episodes(opened.num_demos))


def _read_robomimic(rng: random.Random) -> None:
    path = Path("robomimic.hdf5")
    path.write_bytes(binaries.hdf5_sample())
    if rng.random() < 0.6:
        path.write_bytes(mutate_bytes(binaries.hdf5_sample(), rng))
    else:
        binaries.spoil_inside(path, rng)
    env_name_of(path)
    with RobomimicFile(path, SMALL) as opened:
        list(opened.episodes(opened.num_demos))

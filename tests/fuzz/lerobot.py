"""Folders of a LeRobotDataset v3 with pictures in its table; no video, since a decoder is a process of its own."""

import io
import json
import random
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.demos.formats.lerobot import layout
from fdp_bench.demos.formats.lerobot.read import LerobotFolder, task_in_card

from .imports import SMALL
from .mutate import mutate_bytes, mutate_data

_STEPS, _EPISODES = 4, 2
_TABLES = tuple(path.format(**layout.file_place(0)) for path in (layout.DATA_PATH, layout.EPISODES_PATH))


@lru_cache(maxsize=1)
def lerobot_sample() -> dict[str, Any]:
    """Path below the folder -> rows of a table, or a JSON object."""
    from PIL import Image

    rng = np.random.default_rng(0)

    def picture() -> dict[str, Any]:
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    cameras = [layout.camera_feature(key) for key in ("image.agentview", "image.wrist")]
    widths = {layout.STATE: 16, layout.TACTILE: 12, layout.ACTION: 7}
    rows = [
        {
            "episode_index": episode,
            "frame_index": frame,
            **{name: rng.uniform(-1, 1, width).tolist() for name, width in widths.items()},
            **{name: picture() for name in cameras},
        }
        for episode in range(_EPISODES)
        for frame in range(_STEPS)
    ]
    places = {"data/chunk_index": 0, "data/file_index": 0}
    episodes = [{"episode_index": number, "length": _STEPS, **places} for number in range(_EPISODES)]
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": [width]} for name, width in widths.items()
    }
    features |= {name: {"dtype": "image", "shape": [4, 4, 3]} for name in cameras}
    info = {"codebase_version": layout.VERSION, "fps": 20, "features": features}
    card = {"task": SMALL.task_id, "profile": SMALL.profile, "seed": 0}
    return {_TABLES[0]: rows, _TABLES[1]: episodes, layout.INFO_PATH: info, layout.CARD_PATH: card}


@lru_cache(maxsize=1)
def _encoded() -> dict[str, bytes]:
    return {name: _encode(name, value) for name, value in lerobot_sample().items()}


def _encode(name: str, value: Any) -> bytes:
    if name not in _TABLES:
        return json.dumps(value).encode("utf-8", "replace")
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(value), sink)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def read_lerobot(seed: int) -> None:
    """Spoil one file of the folder, its bytes or what is in it, and read it as Lift's."""
    rng = random.Random(seed)
    files = dict(_encoded())
    spoilt = rng.choice(list(files))
    files[spoilt] = _spoilt(spoilt, rng)
    folder = Path("lerobot")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    task_in_card(folder / layout.CARD_PATH)
    with LerobotFolder(folder, SMALL) as opened:
        list(opened.episodes(opened.num_demos))


def _spoilt(name: str, rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return mutate_bytes(_encoded()[name], rng)
    try:
        return _encode(name, mutate_data(lerobot_sample()[name], rng))
    except Exception:
        # Parquet has no columns of mixed types.
        return mutate_bytes(_encoded()[name], rng)

"""The packed form of a demonstration file: one ``.npz`` that numpy alone reads, to train on a bare machine.

Each camera's frames are stored as differences to the frame before (modulo 256, the first of a demonstration
as it is): what does not move becomes zeros, so that plain deflate shrinks the file several times more.
"""

import json
from pathlib import Path

import numpy as np

from fdp_bench.api import DatasetError
from fdp_bench.demos.dataset import Demonstration, load_demonstrations
from fdp_bench.demos.layout import TOUCH_NAME, vector_member


def pack_demonstrations(source: Path, out: Path, *, num_demos: int | None = None) -> int:
    """Write the packed form of a demonstration file; the same source gives the same bytes.

    Members: ``episode_ends`` (N,) int64, ``prop`` (S, 16) float32, ``actions`` (S, 7) float32, a member of
    frame differences (S, H, W, 3) uint8 a camera key, ``card`` (JSON as bytes), and ``tactile`` (S, 12) float32 where
    the source has it; ``vector:KEY`` (S, D) float32 for each further key of somebody else's task, which the card's
    ``vectors`` name; S is the sum of lengths.

    Args:
        source: Demonstration file, HDF5 or packed.
        out: File to write, ending in ``.npz``; must not exist.
        num_demos: Number of demonstrations to pack, the first ones; None packs all.

    Returns:
        Number of demonstrations written.

    Raises:
        DatasetError: If `source` cannot be read, or `out` exists, cannot be written or ends otherwise.
    """
    if out.suffix != ".npz":
        raise DatasetError(
            f"packed demonstrations end in .npz, not {out.suffix!r}; use {out.with_suffix('.npz')}"
        )
    if out.exists():
        raise DatasetError(f"{out} exists already; delete it or choose another --out")
    data = load_demonstrations(source, num_demos=num_demos)
    demos = data.demos[:num_demos]
    cameras = sorted(demos[0].images)
    card = {**data.card, "cameras": cameras}
    touch = [demo.tactile for demo in demos if demo.tactile is not None]
    unfinished = out.with_name(out.name + ".unfinished")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.savez_compressed(
                file,
                episode_ends=np.cumsum([len(demo) for demo in demos], dtype=np.int64),
                prop=np.concatenate([demo.prop for demo in demos]),
                actions=np.concatenate([demo.actions for demo in demos]),
                card=np.frombuffer(json.dumps(card, sort_keys=True).encode(), np.uint8),
                **({TOUCH_NAME: np.concatenate(touch)} if touch else {}),
                **{
                    vector_member(key): np.concatenate([demo.vectors[key] for demo in demos])
                    for key in demos[0].vectors
                },
                **{key: _differences(demos, key) for key in cameras},
            )
        unfinished.replace(out)
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error.strerror}; choose another --out") from error
    return len(demos)


def _differences(
    demos: tuple[Demonstration, ...], key: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    parts = []
    for demo in demos:
        frames = demo.images[key]
        difference = frames.copy()
        difference[1:] -= frames[:-1]
        parts.append(difference)
    return np.concatenate(parts)

"""Readers of the two forms of a demonstration file: robomimic's HDF5 with our attributes, and the packed one.

Each is opened as a context manager and gives a demonstration at a time; numpy is needed, and h5py for HDF5 only. What
they raise of a spoilt file is for `fdp_bench.demos.dataset` to put into words.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.validation import check_entries, parse_json
from fdp_bench.demos.demonstration import Demonstration
from fdp_bench.demos.layout import (
    LEAD_IN_ATTRIBUTE,
    PROP_NAME,
    PROP_PARTS,
    TOUCH_NAME,
    demo_name,
    image_key,
    vector_member,
)
from fdp_bench.demos.safe_readers import hdf5
from fdp_bench.demos.safe_readers.npz import GuardedArchive

#: Types of what a file says of itself.
CARD_ENTRIES: Mapping[str, Any] = {
    "task_id": str,
    "profile": str,
    "format": int,
    "cameras": Sequence[str],
    "vectors": Sequence[str],
    "task_map_sha256": str,
    "action_low": Sequence[float],
    "action_high": Sequence[float],
}
_PACKED_ENTRIES = ("task_id", "profile", "format", "cameras")


class Hdf5Reader:
    """Reads robomimic's layout with our attributes."""

    def __init__(self, path: Path) -> None:
        self._file = hdf5.open_hdf5(path)
        try:
            self._data = hdf5.child(self._file, "data")
            env_args = parse_json(hdf5.text(self._data, "env_args") or "")
            if not isinstance(env_args, dict) or "fdp_bench" not in env_args:
                raise ValueError("it was not written by fdp-bench")
            self.card: dict[str, Any] = env_args["fdp_bench"]
            self.num_demos = len(self._data)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Hdf5Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, index: int) -> Demonstration:
        """The demonstration with a number, from 0, as it stands in the file."""
        name = demo_name(index)
        group = hdf5.child(self._data, name)
        if group is None:
            raise ValueError(f"there is no {name}")
        start = int(group.attrs[LEAD_IN_ATTRIBUTE])
        if start < 0:
            raise ValueError(f"{name} has {start} leading steps")

        observed = hdf5.child(group, "obs")
        if observed is None:
            raise ValueError(f"{name} has no group 'obs'")
        held = hdf5.names(observed)
        further = [key for key in self.card.get("vectors", ()) if hdf5.child(observed, key) is not None]
        pictures = [name for name in held if name not in further]
        # In one piece where its numbers are not those of a Panda.
        parts: Mapping[str, int | None] = {PROP_NAME: None} if PROP_NAME in held else PROP_PARTS

        def read(inside: Any, part: str, *sizes: int | None) -> Any:
            return hdf5.array(inside, part, shape=(None, *sizes))[start:]

        return Demonstration(
            name=name,
            prop=np.concatenate([read(observed, part, size) for part, size in parts.items()], axis=1),
            images={
                key: read(observed, image, None, None, 3) for image in pictures if (key := image_key(image))
            },
            actions=read(group, "actions", None),
            tactile=read(observed, TOUCH_NAME, None) if TOUCH_NAME in held else None,
            vectors={key: read(observed, key, None) for key in further},
        )


class PackedReader:
    """Reads the packed form, see `fdp_bench.demos.pack`, with numpy alone."""

    def __init__(self, path: Path) -> None:
        self._data = GuardedArchive(path)
        try:
            self.card: dict[str, Any] = parse_json(self._data.array("card", dtype=np.uint8, ndim=1).tobytes())
            check_entries(self.card, CARD_ENTRIES, "card", needed=_PACKED_ENTRIES)
            self._ends = self._data.array("episode_ends", dtype=np.int64, ndim=1)
            self.num_demos = len(self._ends)
            self._prop, self._actions = (self._numbers(name) for name in ("prop", "actions"))
            self._touch = self._numbers(TOUCH_NAME) if TOUCH_NAME in self._data else None
            self._vectors = {
                key: self._numbers(vector_member(key))
                for key in self.card.get("vectors", ())
                if vector_member(key) in self._data
            }
            self._frames: dict[str, npt.NDArray[np.uint8]] = {}
            for key in self.card["cameras"]:
                self._frames[key] = self._data.array(key, dtype=np.uint8, ndim=4)
            steps = {len(self._prop), len(self._actions), *(len(frames) for frames in self._frames.values())}
            steps |= set() if self._touch is None else {len(self._touch)}
            steps |= {len(values) for values in self._vectors.values()}
            rising = self.num_demos > 0 and self._ends[0] > 0 and bool(np.all(np.diff(self._ends) > 0))
            if not rising or steps != {int(self._ends[-1])}:
                raise ValueError("its demonstrations do not end where its arrays do")
        except BaseException:
            self._data.close()
            raise

    def _numbers(self, name: str) -> npt.NDArray[np.float32]:
        return self._data.array(name, dtype=np.float32, ndim=2)

    def __enter__(self) -> "PackedReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def read(self, index: int) -> Demonstration:
        """The demonstration with a number, from 0, as it stands in the file."""
        rows = slice(int(self._ends[index - 1]) if index else 0, int(self._ends[index]))
        return Demonstration(
            name=demo_name(index),
            prop=self._prop[rows],
            images={
                key: np.cumsum(frames[rows], axis=0, dtype=np.uint8) for key, frames in self._frames.items()
            },
            actions=self._actions[rows],
            tactile=None if self._touch is None else self._touch[rows],
            vectors={key: values[rows] for key, values in self._vectors.items()},
        )

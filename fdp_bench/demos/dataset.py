"""Reader of demonstration files, HDF5 or packed. Needs numpy, and h5py for HDF5 only; no simulator."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError
from fdp_bench.demos.layout import (
    FORMAT_VERSION,
    IMAGE_NAMES,
    LEAD_IN_ATTRIBUTE,
    PROP_PARTS,
    TOUCH_NAME,
    demo_name,
    held_out_count,
)

#: Demonstrations held out for every one trained on, where the file has more than are trained on.
_HELD_OUT_SHARE = 5


@dataclass(frozen=True)
class Demonstration:
    """One demonstration of T control steps; row t is what was seen before action t.

    Attributes:
        name: Name in the file, for instance ``"demo_12"``.
        prop: Shape (T, 16), float32: joint positions 7 (rad), end-effector position 3 (m, world),
            end-effector quaternion 4 (xyzw, x >= 0), finger positions 2 (m).
        images: Camera key -> frames, shape (T, H, W, 3), uint8, upright RGB.
        actions: Shape (T, 7), float32, in [-1, 1].
        tactile: Shape (T, 12), float32, see `fdp_bench.sim.touch.TouchSensor`; None in a file from before it.
    """

    name: str
    prop: npt.NDArray[np.float32]
    images: Mapping[str, npt.NDArray[np.uint8]]
    actions: npt.NDArray[np.float32]
    tactile: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def observations(self) -> Mapping[str, npt.NDArray[Any]]:
        """Observation key -> values of all steps, shape (T, ...), of the senses that were recorded."""
        touch = {} if self.tactile is None else {"tactile": self.tactile}
        return {"prop": self.prop, **touch, **self.images}


@dataclass(frozen=True)
class Demonstrations:
    """Demonstrations of one task, split into those to train on and those held out.

    Attributes:
        task_id: Gymnasium id of the task.
        profile: Render profile of the frames.
        demos: The demonstrations that were read, in the file's order.
        train: Names of those to train on.
        valid: Names of those held out; empty only for a file with a single demonstration.
        sha256: Hash over everything above but touch, hexadecimal; equal for an HDF5 file and its packed form. Touch
            follows from states and actions, and leaving it out keeps the hash of what was recorded before there was any.
        card: How the file was made: seed, versions, format.
    """

    task_id: str
    profile: str
    demos: tuple[Demonstration, ...]
    train: tuple[str, ...]
    valid: tuple[str, ...]
    sha256: str
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all demonstrations that were read."""
        return tuple(demo.name for demo in self.demos)

    def subset(self, names: tuple[str, ...]) -> tuple[Demonstration, ...]:
        """The demonstrations with these names, in the file's order."""
        wanted = set(names)
        return tuple(demo for demo in self.demos if demo.name in wanted)


def load_demonstrations(
    path: str | Path, *, task_id: str | None = None, num_demos: int | None = None
) -> Demonstrations:
    """Read a demonstration file.

    Steps that lead an episode into trouble on purpose (`fdp_bench.demos.expert`) are left out.

    Args:
        path: File written by ``fdp-bench demos``, HDF5 or packed (``.npz``).
        task_id: Gymnasium id that the file must be of; None accepts any.
        num_demos: Number of demonstrations to train on. The first ones are taken; a fifth as many of those
            that follow are held out. Where none follow, or without a number, the last tenth is held out.

    Returns:
        The demonstrations and their split.

    Raises:
        DatasetError: If the file is missing, damaged, of another format or task, or has too few of them.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(
            f"there is no demonstration file {path}; "
            f"make it with: fdp-bench demos --task {_short_name(task_id)} --num {num_demos or 200} --out {path}"
        )
    try:
        reader = _PackedReader(path) if zipfile.is_zipfile(path) else _Hdf5Reader(path)
        with reader:
            _check(path, reader, task_id, num_demos)
            train, valid = split_names(reader.num_demos, num_demos)
            demos = tuple(reader.read(index) for index in range(len(train) + len(valid)))
            card = reader.card
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(
            f"{path} is truncated or no demonstration file ({reason}); make it again with fdp-bench demos"
        ) from error
    return Demonstrations(
        task_id=card["task_id"],
        profile=card["profile"],
        demos=demos,
        train=train,
        valid=valid,
        sha256=_content_sha256(card["task_id"], card["profile"], demos, len(train)),
        card=card,
    )


def require_senses(demonstrations: Demonstrations, keys: Iterable[str]) -> None:
    """Check that demonstrations hold what a policy reads.

    Args:
        demonstrations: Any that were read.
        keys: Observation keys.

    Raises:
        DatasetError: Names the first key that is missing, and how to record it.
    """
    held = demonstrations.demos[0].observations
    for key in keys:
        if key not in held:
            raise DatasetError(
                f"the demonstrations hold no {key!r}, only {', '.join(held)}; record it with: "
                f"fdp-bench demos --task {_short_name(demonstrations.task_id)} --num {len(demonstrations.demos)} --out FILE"
            )


def split_names(available: int, num_demos: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names to train on and names held out of a file with `available` ones, see `load_demonstrations`."""
    if num_demos is None or num_demos == available:
        num_demos = available - held_out_count(available)
        held_out = available - num_demos
    else:
        held_out = min(available - num_demos, max(1, round(num_demos / _HELD_OUT_SHARE)))
    names = tuple(demo_name(index) for index in range(num_demos + held_out))
    return names[:num_demos], names[num_demos:]


def _check(
    path: Path, reader: "_Hdf5Reader | _PackedReader", task_id: str | None, num_demos: int | None
) -> None:
    card = reader.card
    if card["format"] != FORMAT_VERSION:
        raise DatasetError(f"{path} has format {card['format']!r}; this version reads {FORMAT_VERSION}")
    if task_id is not None and card["task_id"] != task_id:
        raise DatasetError(
            f"{path} holds demonstrations of {card['task_id']}, not of {task_id}; "
            f"make some with: fdp-bench demos --task {_short_name(task_id)} --out FILE"
        )
    if num_demos is not None and not 1 <= num_demos <= reader.num_demos:
        raise DatasetError(
            f"{path} holds {reader.num_demos} demonstrations, and {num_demos} were asked for; "
            f"use 1-{reader.num_demos}"
        )


def _short_name(task_id: str | None) -> str:
    return (task_id or "fdp_bench/Lift-v1").partition("/")[2].rpartition("-v")[0]


class _Hdf5Reader:
    """Reads robomimic's layout with our attributes."""

    def __init__(self, path: Path) -> None:
        import h5py

        self._file = h5py.File(path, "r")
        try:
            self._data = self._file["data"]
            env_args = json.loads(self._data.attrs["env_args"])
            if "fdp_bench" not in env_args:
                raise ValueError("it was not written by fdp-bench")
            self.card: dict[str, Any] = env_args["fdp_bench"]
            self.num_demos = len(self._data)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "_Hdf5Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, index: int) -> Demonstration:
        name = demo_name(index)
        group = self._data[name]
        start = int(group.attrs[LEAD_IN_ATTRIBUTE])
        observed = group["obs"]
        return Demonstration(
            name=name,
            prop=np.concatenate([observed[part][start:] for part in PROP_PARTS], axis=1),
            images={key: observed[image][start:] for key, image in IMAGE_NAMES.items() if image in observed},
            actions=group["actions"][start:],
            tactile=observed[TOUCH_NAME][start:] if TOUCH_NAME in observed else None,
        )


class _PackedReader:
    """Reads the packed form, see `fdp_bench.demos.pack`, with numpy alone."""

    def __init__(self, path: Path) -> None:
        self._data = np.load(path, allow_pickle=False)
        try:
            self.card: dict[str, Any] = json.loads(self._data["card"].tobytes().decode())
            self._ends = self._data["episode_ends"]
            self.num_demos = len(self._ends)
            # NpzFile decodes a member each time it is asked for.
            self._prop, self._actions = self._data["prop"], self._data["actions"]
            self._touch = self._data[TOUCH_NAME] if TOUCH_NAME in self._data else None
            self._frames: dict[str, npt.NDArray[np.uint8]] = {}
            for key in self.card["cameras"]:
                self._frames[key] = self._data[key]
        except BaseException:
            self._data.close()
            raise

    def __enter__(self) -> "_PackedReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def read(self, index: int) -> Demonstration:
        rows = slice(int(self._ends[index - 1]) if index else 0, int(self._ends[index]))
        return Demonstration(
            name=demo_name(index),
            prop=self._prop[rows],
            images={
                key: np.cumsum(frames[rows], axis=0, dtype=np.uint8) for key, frames in self._frames.items()
            },
            actions=self._actions[rows],
            tactile=None if self._touch is None else self._touch[rows],
        )


def _content_sha256(task_id: str, profile: str, demos: tuple[Demonstration, ...], num_train: int) -> str:
    digest = hashlib.sha256(json.dumps([task_id, profile, num_train]).encode())
    for demo in demos:
        parts: dict[str, npt.NDArray[Any]] = {"prop": demo.prop, "actions": demo.actions, **demo.images}
        for key in sorted(parts):
            digest.update(f"{demo.name}/{key}{parts[key].shape}".encode())
            digest.update(np.ascontiguousarray(parts[key]).data)
    return digest.hexdigest()

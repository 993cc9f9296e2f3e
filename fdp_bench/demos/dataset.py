"""Reader of demonstration files, HDF5 or packed. Needs numpy, and h5py for HDF5 only; no simulator."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, FdpBenchError
from fdp_bench.api.untrusted import check_entries, parse_json
from fdp_bench.demos import guarded
from fdp_bench.demos.guarded_npz import GuardedArchive
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
#: Types of what a card says.
_CARD: Mapping[str, Any] = {"task_id": str, "profile": str, "format": int, "cameras": Sequence[str]}


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
            follows from states and actions, and without it the hash of what was recorded earlier stays the same.
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
            demos = tuple(_checked(reader.read(index)) for index in range(len(train) + len(valid)))
            _check_alike(path, demos)
            card = reader.card
    except FdpBenchError:
        raise
    except Exception as error:
        # Of a file from anywhere, the libraries below raise what comes up: RuntimeError, zlib.error, MemoryError ...
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
            command = f"fdp-bench demos --task {_short_name(demonstrations.task_id)} --out FILE"
            raise DatasetError(
                f"the demonstrations hold no {key!r}, only {', '.join(held)}; record it with: {command}"
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
    check_entries(card, _CARD, "card", needed=("task_id", "profile", "format"))
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


def _checked(demo: Demonstration) -> Demonstration:
    """Hold a demonstration to what its class promises; shapes and dtypes of files are anybody's."""
    steps = len(demo.actions)
    numbers: dict[str, npt.NDArray[Any]] = {"prop": demo.prop, "actions": demo.actions}
    numbers |= {} if demo.tactile is None else {"tactile": demo.tactile}
    for name, values in numbers.items():
        if values.ndim != 2 or values.dtype != np.float32 or not np.isfinite(values).all():
            raise ValueError(f"{name} of {demo.name} is no table of finite float32 numbers")
    for key, frames in demo.images.items():
        if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape or frames.dtype != np.uint8:
            raise ValueError(f"{key[:60]} of {demo.name} holds no RGB frames")
    lengths = {len(values) for values in (*numbers.values(), *demo.images.values())}
    if steps == 0 or lengths != {steps}:
        raise ValueError(f"{demo.name} holds no steps, or not as many of each kind")
    return demo


def _check_alike(path: Path, demos: Sequence[Demonstration]) -> None:
    def form(demo: Demonstration) -> dict[str, tuple[int, ...]]:
        arrays = {**demo.observations, "actions": demo.actions}
        return {key: values.shape[1:] for key, values in arrays.items()}

    for demo in demos:
        if form(demo) != form(demos[0]):
            raise DatasetError(f"{path}: {demo.name} has other senses or shapes than {demos[0].name}")


def _short_name(task_id: str | None) -> str:
    return (task_id or "fdp_bench/Lift-v1").partition("/")[2].rpartition("-v")[0]


class _Hdf5Reader:
    """Reads robomimic's layout with our attributes."""

    def __init__(self, path: Path) -> None:
        self._file = guarded.open_hdf5(path)
        try:
            self._data = guarded.child(self._file, "data")
            env_args = parse_json(guarded.text(self._data, "env_args") or "")
            if not isinstance(env_args, dict) or "fdp_bench" not in env_args:
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
        group = guarded.child(self._data, name)
        if group is None:
            raise ValueError(f"there is no {name}")
        start = int(group.attrs[LEAD_IN_ATTRIBUTE])
        if start < 0:
            raise ValueError(f"{name} has {start} leading steps")

        def held(part: str) -> bool:
            return guarded.child(group, f"obs/{part}") is not None

        def read(part: str, *sizes: int | None) -> Any:
            return guarded.array(group, part, shape=(None, *sizes))[start:]

        return Demonstration(
            name=name,
            prop=np.concatenate([read(f"obs/{part}", size) for part, size in PROP_PARTS.items()], axis=1),
            images={
                key: read(f"obs/{image}", None, None, 3) for key, image in IMAGE_NAMES.items() if held(image)
            },
            actions=read("actions", None),
            tactile=read(f"obs/{TOUCH_NAME}", None) if held(TOUCH_NAME) else None,
        )


class _PackedReader:
    """Reads the packed form, see `fdp_bench.demos.pack`, with numpy alone."""

    def __init__(self, path: Path) -> None:
        self._data = GuardedArchive(path)
        try:
            self.card: dict[str, Any] = parse_json(self._data.array("card", dtype=np.uint8, ndim=1).tobytes())
            check_entries(self.card, _CARD, "card", needed=tuple(_CARD))
            self._ends = self._data.array("episode_ends", dtype=np.int64, ndim=1)
            self.num_demos = len(self._ends)
            self._prop, self._actions = (self._numbers(name) for name in ("prop", "actions"))
            self._touch = self._numbers(TOUCH_NAME) if TOUCH_NAME in self._data else None
            self._frames: dict[str, npt.NDArray[np.uint8]] = {}
            for key in self.card["cameras"]:
                self._frames[key] = self._data.array(key, dtype=np.uint8, ndim=4)
            steps = {len(self._prop), len(self._actions), *(len(frames) for frames in self._frames.values())}
            steps |= set() if self._touch is None else {len(self._touch)}
            rising = self.num_demos > 0 and self._ends[0] > 0 and bool(np.all(np.diff(self._ends) > 0))
            if not rising or steps != {int(self._ends[-1])}:
                raise ValueError("its demonstrations do not end where its arrays do")
        except BaseException:
            self._data.close()
            raise

    def _numbers(self, name: str) -> npt.NDArray[np.float32]:
        return self._data.array(name, dtype=np.float32, ndim=2)

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

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
from fdp_bench.api.validation import check_entries
from fdp_bench.demos.advice import way_to
from fdp_bench.demos.demonstration import Demonstration, checked
from fdp_bench.demos.layout import FORMAT_VERSION, TOUCH_NAME, demo_name, held_out_count
from fdp_bench.demos.readers import CARD_ENTRIES, Hdf5Reader, PackedReader

__all__ = [
    "Demonstration",
    "Demonstrations",
    "is_demonstration_file",
    "load_demonstrations",
    "require_senses",
    "split_names",
]

#: Demonstrations held out for every one trained on, where the file has more than are trained on.
_HELD_OUT_SHARE = 5
#: Demonstrations held out at least, where the file has them: intervals over fewer say little.
_LEAST_HELD_OUT = 10


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

    Steps that lead an episode into trouble on purpose (`fdp_bench.demos.experts.lead_in`) are left out.

    Args:
        path: File written by ``fdp-bench demos``, HDF5 or packed (``.npz``).
        task_id: Gymnasium id that the file must be of; None accepts any.
        num_demos: Number of demonstrations to train on. The first ones are taken; a fifth as many of those
            that follow, at least 10 where the file has them, are held out. Where none follow, or without a number,
            the last tenth is held out.

    Returns:
        The demonstrations and their split.

    Raises:
        DatasetError: If the file is missing, damaged, of another format or task, or has too few of them.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(
            f"there is no demonstration file {path}; "
            f"{way_to('make it', task_id, num=num_demos or 200, out=path)}"
        )
    try:
        reader = PackedReader(path) if zipfile.is_zipfile(path) else Hdf5Reader(path)
        with reader:
            _check(path, reader, task_id, num_demos)
            train, valid = split_names(reader.num_demos, num_demos)
            demos = tuple(checked(reader.read(index)) for index in range(len(train) + len(valid)))
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
        sha256=content_sha256(card["task_id"], card["profile"], demos, len(train)),
        card=card,
    )


def is_demonstration_file(path: Path) -> bool:
    """Whether a file is meant to be one of this package's, damaged or not: policies may read formats of their own."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return "card.npy" in archive.NameToInfo
        with Hdf5Reader(path):
            return True
    except Exception:
        # What is wrong with a file that shows no sign of ours is for whoever reads it.
        return False


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
            way = way_to("record it", demonstrations.task_id)
            if key == TOUCH_NAME:
                way = f"add it to their HDF5 file with: fdp-bench demos import FILE --out NEW_FILE, or {way}"
            raise DatasetError(f"the demonstrations hold no {key!r}, only {', '.join(held)}; {way}")


def split_names(available: int, num_demos: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names to train on and names held out of a file with `available` ones, see `load_demonstrations`."""
    if num_demos is None or num_demos == available:
        num_demos = available - held_out_count(available)
        held_out = available - num_demos
    else:
        held_out = min(available - num_demos, max(_LEAST_HELD_OUT, round(num_demos / _HELD_OUT_SHARE)))
    names = tuple(demo_name(index) for index in range(num_demos + held_out))
    return names[:num_demos], names[num_demos:]


def _check(path: Path, reader: Hdf5Reader | PackedReader, task_id: str | None, num_demos: int | None) -> None:
    card = reader.card
    check_entries(card, CARD_ENTRIES, "card", needed=("task_id", "profile", "format"))
    if card["format"] != FORMAT_VERSION:
        raise DatasetError(f"{path} has format {card['format']!r}; this version reads {FORMAT_VERSION}")
    if task_id is not None and card["task_id"] != task_id:
        raise DatasetError(
            f"{path} holds demonstrations of {card['task_id']}, not of {task_id}; "
            f"{way_to('make some', task_id)}"
        )
    if num_demos is not None and not 1 <= num_demos <= reader.num_demos:
        raise DatasetError(
            f"{path} holds {reader.num_demos} demonstrations, and {num_demos} were asked for; "
            f"use 1-{reader.num_demos}"
        )


def _check_alike(path: Path, demos: Sequence[Demonstration]) -> None:
    def form(demo: Demonstration) -> dict[str, tuple[int, ...]]:
        arrays = {**demo.observations, "actions": demo.actions}
        return {key: values.shape[1:] for key, values in arrays.items()}

    for demo in demos:
        if form(demo) != form(demos[0]):
            raise DatasetError(f"{path}: {demo.name} has other senses or shapes than {demos[0].name}")


def content_sha256(task_id: str, profile: str, demos: tuple[Demonstration, ...], num_train: int) -> str:
    """Hash of demonstrations, the first `num_train` of which are trained on; see `Demonstrations.sha256`."""
    digest = hashlib.sha256(json.dumps([task_id, profile, num_train]).encode())
    for demo in demos:
        parts: dict[str, npt.NDArray[Any]] = {"prop": demo.prop, "actions": demo.actions, **demo.images}
        parts |= demo.vectors
        for key in sorted(parts):
            digest.update(f"{demo.name}/{key}{parts[key].shape}".encode())
            digest.update(np.ascontiguousarray(parts[key]).data)
    return digest.hexdigest()

"""One demonstration, as it is recorded here and as readers of other formats return it, and its origin."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError

#: Most control steps of one demonstration.
MAX_STEPS = 100_000


@dataclass(frozen=True)
class RecordedEpisode:
    """A demonstration of T control steps; row t is what was seen before action t.

    Attributes:
        states: Time, joint positions, joint velocities of the simulator, shape (T, 1 + nq + nv), float64.
        actions: Executed actions, shape (T, 7), float32, in [-1, 1].
        rewards: Rewards after the actions, shape (T,), float32.
        prop: Proprioception, shape (T, 16), float32.
        tactile: Touch, shape (T, 12), float32; see `fdp_bench.sim.touch.TouchSensor`.
        images: Camera key -> frames, shape (T, H, W, 3), uint8, upright RGB.
        lead_in_steps: Number of leading steps that are no example to follow.
        model_file: MuJoCo XML of the physics model; see `fdp_bench.demos.model_file.recorded_model_file`.
    """

    states: npt.NDArray[np.float64]
    actions: npt.NDArray[np.float32]
    rewards: npt.NDArray[np.float32]
    prop: npt.NDArray[np.float32]
    tactile: npt.NDArray[np.float32]
    images: Mapping[str, npt.NDArray[np.uint8]]
    lead_in_steps: int
    model_file: str


@dataclass(frozen=True)
class ImportedEpisode:
    """A demonstration of T control steps; row t is what was seen before action t.

    Attributes:
        prop: Shape (T, D), float32.
        images: Camera key -> frames, shape (T, H, W, 3), uint8, upright RGB.
        actions: Shape (T, A), float32, in [-1, 1].
        rewards: Shape (T,), float32; None where the source has none.
        states: Flat simulator states, shape (T, S), float64; None likewise.
        model_file: MuJoCo XML that the states belong to; empty likewise.
        lead_in_steps: Number of leading steps that are no example to follow.
        tactile: Touch, shape (T, K), float32; None where the source has none.
        vectors: Further observation keys of somebody else's task -> numbers, shape (T, D), float32.
    """

    prop: npt.NDArray[np.float32]
    images: Mapping[str, npt.NDArray[np.uint8]]
    actions: npt.NDArray[np.float32]
    rewards: npt.NDArray[np.float32] | None = None
    states: npt.NDArray[np.float64] | None = None
    model_file: str = ""
    lead_in_steps: int = 0
    tactile: npt.NDArray[np.float32] | None = None
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass
class Origin:
    """Where demonstrations come from, for the card.

    Attributes:
        format: For instance ``"robomimic"``.
        details: What the source says of itself, JSON-ready.
        settings: Arguments that remake the environment it was recorded in, JSON-ready; empty where none are known.
        notes: What the import changed or found, a sentence each.
    """

    format: str
    details: dict[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a note, unless it is there."""
        if sentence not in self.notes:
            self.notes.append(sentence)


class Source(Protocol):
    """An opened file or folder of demonstrations. Use it as a context manager.

    Attributes:
        num_demos: How many it holds.
        origin: For the card; complete when all episodes were read.
    """

    num_demos: int
    origin: Origin

    def __enter__(self) -> "Source": ...

    def __exit__(self, *_: object) -> None: ...

    def episodes(self, count: int) -> Iterator[ImportedEpisode]:
        """The first `count` demonstrations, one at a time."""
        ...


def checked_actions(actions: npt.NDArray[Any], place: str, origin: Origin) -> npt.NDArray[np.float32]:
    """Actions as a demonstration holds them: finite, and cut to [-1, 1] as the environment would.

    Args:
        actions: Shape (T, A).
        place: Where they stand, for messages.
        origin: Gets a note where something was cut.

    Raises:
        DatasetError: If there is no step, there are too many, or a number is not finite.
    """
    if not 1 <= len(actions) <= MAX_STEPS:
        raise DatasetError(f"{place} has {len(actions)} steps; a demonstration has 1 to {MAX_STEPS}")
    if not np.isfinite(actions).all():
        raise DatasetError(f"{place} holds actions that are not finite")
    largest = float(np.abs(actions).max(initial=0.0))
    if largest > 1.0:
        origin.note("Actions beyond [-1, 1] were cut to it, as the environment does.")
    return np.clip(actions, -1.0, 1.0).astype(np.float32)


def checked_prop(values: npt.NDArray[Any], place: str) -> npt.NDArray[np.float32]:
    """Numbers of a sense as a demonstration holds them.

    Raises:
        DatasetError: If one is not finite, or too large for float32.
    """
    return _narrowed(values, f"{place} holds observations that are not finite")


def checked_rewards(values: npt.NDArray[Any], place: str) -> npt.NDArray[np.float32]:
    """Rewards as a demonstration holds them.

    Raises:
        DatasetError: If one is not finite, or too large for float32.
    """
    return _narrowed(values, f"{place} holds rewards that are not finite")


def _narrowed(values: npt.NDArray[Any], complaint: str) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        narrowed = values.astype(np.float32)
    if not np.isfinite(narrowed).all():
        raise DatasetError(complaint)
    return narrowed

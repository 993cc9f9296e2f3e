"""What every reader of a foreign format hands over, and what it says of where it comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError

#: Most control steps of one demonstration.
MAX_STEPS = 100_000
#: What a user may say of a source's actions: absolute poses of the hand, or cut by the environment itself.
ABSOLUTE, CLIPPED = "absolute", "clipped"
ACTION_KINDS = (ABSOLUTE, CLIPPED)
#: How far beyond [-1, 1] an action may lie by rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class ImportedEpisode:
    """A demonstration of T control steps; row t is what was seen before action t.

    Attributes:
        prop: Shape (T, D), float32.
        images: Camera key -> frames, shape (T, H, W, 3), uint8, upright RGB.
        actions: Shape (T, A), in units of [-1, 1]; float32 and cut to it once `settled`.
        rewards: Shape (T,), float32; None where the source has none.
        states: Flat simulator states, shape (T, S), float64; None likewise.
        model_file: MuJoCo XML that the states belong to; empty likewise.
        lead_in_steps: Number of leading steps that are no example to follow.
        tactile: Touch, shape (T, K), float32; None where the source has none.
        vectors: Further observation keys of somebody else's task -> numbers, shape (T, D), float32.
    """

    prop: npt.NDArray[np.float32]
    images: Mapping[str, npt.NDArray[np.uint8]]
    actions: npt.NDArray[np.floating[Any]]
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


def checked_actions(actions: npt.NDArray[Any], place: str) -> npt.NDArray[np.float64]:
    """Actions of a source, finite and as many as a demonstration may have; not cut.

    Args:
        actions: Shape (T, A).
        place: Where they stand, for messages.

    Raises:
        DatasetError: If there is no step, there are too many, or a number is not finite.
    """
    if not 1 <= len(actions) <= MAX_STEPS:
        raise DatasetError(f"{place} has {len(actions)} steps; a demonstration has 1 to {MAX_STEPS}")
    if not np.isfinite(actions).all():
        raise DatasetError(f"{place} holds actions that are not finite")
    return actions.astype(np.float64)


def cut_actions(
    actions: npt.NDArray[np.floating[Any]], origin: Origin, *, is_shown: bool, asked: str | None = None
) -> npt.NDArray[np.float32]:
    """Actions as a demonstration holds them: float32, cut to [-1, 1] where the environment is known to do the same.

    Args:
        actions: In units of [-1, 1], shape (T, A).
        origin: Gets a note where something was cut.
        is_shown: Whether the actions, cut like this, were seen to lead to what was recorded.
        asked: `CLIPPED` where the user says that the environment cuts them.

    Raises:
        DatasetError: If some lie outside and nothing says what the environment made of them.
    """
    beyond = np.abs(actions) > 1.0 + _ROUNDING
    if beyond.any():
        if not is_shown and asked != CLIPPED:
            raise DatasetError(
                f"{100 * beyond.mean():.3g}% of its action components lie outside the bounds, up to "
                f"{np.abs(actions).max():.3g} where 1 is the bound, and nothing shows what was made of them; if the "
                "environment cuts them itself, say so with: --actions clipped"
            )
        origin.note("Actions beyond the bounds were cut to them, as the environment does.")
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

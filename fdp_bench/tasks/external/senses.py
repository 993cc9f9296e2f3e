"""Adapters between somebody else's spaces and ours: numbers, frames, actions; each refused with what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.api.modality import IMAGE_PREFIX
from fdp_bench.tasks.external.task_map import OTHER_KIND, Piece

Vector = npt.NDArray[np.float32]


class VectorReader:
    """One observation key of a task, put together from the environment's numbers.

    Args:
        where: The task, for messages.
        key: The observation key.
        pieces: What it is put together from.
        space: The environment's observation space.

    Attributes:
        sources: Keys of the environment's Dict space that are read; empty texts where its observation is one array.
        space: Space of the key, float32 (D,).
        kinds: What each component is.

    Raises:
        SpecError: If the environment has no such numbers.
    """

    def __init__(self, where: str, key: str, pieces: Sequence[Piece], space: gymnasium.Space[Any]) -> None:
        self._rows: list[tuple[str, slice]] = []
        lows, highs, kinds = [], [], []
        for piece in pieces:
            box = _source(f"{where}: {key!r}", space, piece.source)
            size = int(np.prod(box.shape))
            stop = size if piece.stop is None else piece.stop
            if stop > size:
                raise SpecError(
                    f"{where}: {key!r} takes components {piece.start}-{stop - 1}, and "
                    f"{repr(piece.source) if piece.source else 'the observation'} has {size}; mend its slice"
                )
            part = slice(piece.start, stop)
            self._rows.append((piece.source, part))
            lows.append(box.low.ravel()[part])
            highs.append(box.high.ravel()[part])
            kinds += [piece.kind] * (stop - piece.start)
        if not kinds:
            raise SpecError(f"{where}: {key!r} holds no numbers; leave it out of its modality")
        self.sources = tuple(piece.source for piece in pieces)
        self.kinds = tuple(kinds)
        self.space = spaces.Box(_float32(np.concatenate(lows)), _float32(np.concatenate(highs)))

    def read(self, observation: Any) -> Vector:
        """The key's numbers, shape (D,)."""
        parts = [
            np.asarray(observation[source] if source else observation).ravel()[part]
            for source, part in self._rows
        ]
        numbers: Vector = np.concatenate(parts).astype(np.float32)
        return numbers


class ActionScaler:
    """Maps actions in [-1, 1] onto the environment's own bounds.

    Args:
        where: The task, for messages.
        space: The environment's action space.

    Attributes:
        size: Number of components.
        low: Lower bound of each; empty where the bounds are -1 and 1.
        high: Upper bound of each; likewise.

    Raises:
        SpecError: If the space is no Box (A,) of finite bounds.
    """

    def __init__(self, where: str, space: gymnasium.Space[Any]) -> None:
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise SpecError(
                f"{where} has action space {space}; a Box of shape (A,) is needed, wrap the environment"
            )
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise SpecError(
                f"{where} has an action space without finite bounds; say how far an action can go, for instance with "
                "gymnasium.wrappers.ClipAction"
            )
        if not (low < high).all():
            raise SpecError(f"{where} has an action space whose lower bound is not below the upper one")
        self.size = int(space.shape[0])
        self._dtype = space.dtype
        self._is_unit = bool((low == -1.0).all() and (high == 1.0).all())
        self._middle, self._half = (low + high) / 2.0, (high - low) / 2.0
        self.low = () if self._is_unit else tuple(map(float, low))
        self.high = () if self._is_unit else tuple(map(float, high))
        self._low, self._high = low, high

    def scaled(self, action: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The environment's action for one in [-1, 1], shape (A,); what lies outside is clipped.

        Raises:
            ValueError: If the action has another shape or is not finite.
        """
        given = np.asarray(action, np.float64)
        if given.shape != (self.size,) or not np.isfinite(given).all():
            raise ValueError(f"action {action!r} is not {self.size} finite numbers")
        given = np.clip(given, -1.0, 1.0)
        if not self._is_unit:
            given = np.clip(self._middle + self._half * given, self._low, self._high)
        return given.astype(self._dtype)


def frame_space(where: str, key: str, space: gymnasium.Space[Any], source: str) -> spaces.Box:
    """Check that a key of the environment holds frames, and return its space.

    Raises:
        SpecError: If it is no uint8 (H, W, 3).
    """
    box = _source(f"{where}: {key!r}", space, source)
    if box.dtype != np.uint8 or len(box.shape) != 3 or box.shape[2] != 3:
        raise SpecError(
            f"{where}: {key!r} is {box.dtype} of shape {box.shape}; frames are uint8 (H, W, 3), upright RGB: wrap the "
            "environment, or name a camera of its MuJoCo model in a map"
        )
    return box


def square_frame(where: str, frame: Any, side: int) -> npt.NDArray[np.uint8]:
    """The middle square of what an environment's `render` drew, shape (side, side, 3).

    Raises:
        SpecError: If it drew no uint8 (H, W, 3).
    """
    drawn = np.asarray(frame)
    if drawn.dtype != np.uint8 or drawn.ndim != 3 or drawn.shape[2] != 3:
        raise SpecError(
            f"{where}: render() gives {drawn.dtype} of shape {drawn.shape}; a frame is uint8 (H, W, 3)"
        )
    from PIL import Image

    least = min(drawn.shape[:2])
    top, left = ((size - least) // 2 for size in drawn.shape[:2])
    middle = Image.fromarray(drawn[top : top + least, left : left + least])
    return np.array(
        middle.resize((side, side), Image.Resampling.BOX if side < least else Image.Resampling.BILINEAR)
    )


def own_vector(
    where: str, key: str, space: gymnasium.Space[Any], kinds: Sequence[str] | None
) -> VectorReader:
    """Reader of a key that the environment has under the same name.

    Args:
        where: The task, for messages.
        key: The key.
        space: The environment's observation space.
        kinds: What each component is, as ``metadata["components"]`` states it; None where it does not.
    """
    if not isinstance(space, spaces.Dict):
        raise SpecError(
            f"{where} has observation space {_short(space)}; a Dict is needed: say in a map which of its numbers "
            f'{key!r} is made of, {key} = [{{ slice = [0, 7], kind = "joint" }}]'
        )
    reader = VectorReader(where, key, [Piece(key)], space)
    if kinds is not None:
        reader.kinds = tuple(kinds)
    return reader


def stated_kinds(metadata: Mapping[str, Any], key: str) -> Sequence[str] | None:
    """What an environment's metadata say of a key's components."""
    stated: Sequence[str] | None = metadata.get("components", {}).get(key)
    return stated


def known_kinds(readers: Mapping[str, VectorReader]) -> dict[str, tuple[str, ...]]:
    """Key -> kinds, for the keys of which something is known; see `fdp_shifts.readings`."""
    return {key: reader.kinds for key, reader in readers.items() if set(reader.kinds) != {OTHER_KIND}}


def is_camera(key: str) -> bool:
    """Whether a key is that of a camera."""
    return key.startswith(IMAGE_PREFIX)


def _source(where: str, space: gymnasium.Space[Any], source: str) -> spaces.Box:
    if isinstance(space, spaces.Dict):
        if not source:
            raise SpecError(
                f"{where} does not say which key of the environment it comes from; write from = KEY"
                f"{nearest('', space.spaces)}"
            )
        if source not in space.spaces:
            raise SpecError(f"{where} comes from key {source!r}{nearest(source, space.spaces)}")
        space = space.spaces[source]
    elif source:
        raise SpecError(
            f"{where} comes from key {source!r}, and the observation is one array; leave 'from' out"
        )
    if not isinstance(space, spaces.Box):
        raise SpecError(f"{where} comes from {_short(space)}; only a Box holds numbers, wrap the environment")
    return space


def _float32(bounds: npt.NDArray[Any]) -> Vector:
    # Bounds that float32 cannot hold are as good as none.
    with np.errstate(over="ignore"):
        return bounds.astype(np.float32)


def _short(space: gymnasium.Space[Any]) -> str:
    """A space in one line."""
    return " ".join(str(space).split())[:120]

"""Replays a Minari demonstration, from the seed and options that it notes, in an environment with a map."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.tasks.external.env import ForeignEnv

#: Seed and options of a reset.
Start = tuple[int | None, dict[str, Any]]

#: A replayed number may be this far from the recorded one, in its own unit: float32 rounds by less.
_SAME = 1e-4
#: Where a replay first leaves the record, it may be off by this share of what the numbers moved in that step: another
#: version of a simulator is off by hundredths of it at first, an action in another unit by most of it.
_DRIFT = 0.1


@dataclass(frozen=True)
class Replay:
    """What came of replaying a demonstration.

    Attributes:
        frames: Camera key -> frames that are drawn, shape (T, H, W, 3); empty where it went another way.
        why: Why it cannot be replayed; empty where it led to what was recorded.
        why_misled: Where and how far its actions led elsewhere, though it began as recorded; empty otherwise.
    """

    frames: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    why: str = ""
    why_misled: str = ""


def replay_demonstration(
    env: ForeignEnv,
    start: Start,
    unit: npt.NDArray[np.float64],
    vectors: Mapping[str, npt.NDArray[np.float32]],
) -> Replay:
    """Replay a demonstration.

    Args:
        env: The environment; it is reset.
        start: Where the demonstration began.
        unit: Its actions in units of [-1, 1], shape (T, A).
        vectors: Observation key -> numbers that were recorded, shape (T, D).
    """
    seed, options = start
    if seed is None and not options:
        return Replay(why="it says neither its seed nor its options")
    frames: dict[str, list[Any]] = {
        key: [] for key in env.task_info.observation_shapes if key not in env.read_keys
    }
    draws, env.draw_images = env.draw_images, bool(frames)
    try:
        observation, _ = env.reset(seed=seed, options=options)
        for step, action in enumerate(unit):
            for key, values in vectors.items():
                if why := _difference(step, key, observation[key], values):
                    return (
                        Replay(why_misled=why) if _misled(step, observation[key], values) else Replay(why=why)
                    )
            for key, drawn in frames.items():
                drawn.append(observation[key])
            observation, _, _, _, _ = env.step(action)
    except Exception as error:
        # Options and actions are a stranger's, and so is what an environment makes of them.
        return Replay(
            why=f"its environment raises {type(error).__name__}: {' '.join(str(error).split())[:120]}"
        )
    finally:
        env.draw_images = draws
    return Replay({key: np.array(drawn, np.uint8) for key, drawn in frames.items()})


def _difference(step: int, key: str, shown: npt.NDArray[Any], recorded: npt.NDArray[np.float32]) -> str:
    apart = float(np.abs(shown - recorded[step]).max())
    return "" if apart <= _SAME else f"at step {step} {key!r} is {apart:.3g} away from what was recorded"


def _misled(step: int, shown: npt.NDArray[Any], recorded: npt.NDArray[np.float32]) -> bool:
    """Whether the step before, and not where it began, is what leads elsewhere."""
    if step == 0:
        return False
    moved = float(np.abs(recorded[step] - recorded[step - 1]).max())
    came = float(np.abs(shown - recorded[step - 1]).max())
    return float(np.abs(shown - recorded[step]).max()) > _DRIFT * max(moved, came)


def start_of(attributes: Mapping[str, Any]) -> Start:
    """What Minari notes of how an episode was reset: its seed, None where it has none, and its options.

    Args:
        attributes: Of the episode's group. Options are flattened there, ``options/initial_state_dict/qpos`` for
            instance; only numbers are taken, and none of Minari's own.

    Raises:
        ValueError: If an option is a number and holds others.
    """
    seed = attributes.get("seed")
    options: dict[str, Any] = {}
    for name in attributes:
        first, *path = name.split("/")
        if first != "options" or not path or path[0].startswith("minari_"):
            continue
        value = attributes[name]
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub":
            inner = options
            for part in path[:-1]:
                inner = inner.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise ValueError(f"{name[:60]} lies below a number")
            inner[path[-1]] = value if isinstance(value, np.ndarray) else value.item()
    return (int(seed) if isinstance(seed, int | np.integer) and seed >= 0 else None), options

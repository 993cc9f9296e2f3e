"""What a task and its shifts promise, watched while episodes run: observations in their space, dynamics untouched."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation

#: How far a number may lie outside its declared bounds, as a share of their distance: rounding is no fault.
_SLACK = 1e-3
Bound = npt.NDArray[np.float64]


class ObservationFault(Exception):  # noqa: N818 (recorded on the episode, never raised to a user)
    """An environment showed what its observation space does not hold."""


class Sentry(gymnasium.Wrapper):
    """Stands between a task and all shifts, and remembers what the task did by itself.

    Reset with a seed, a task starts as it starts without a shift. So the state right after that reset, and the dynamics
    of the model as it was built, are the clean twin's.

    Attributes:
        shown: The task's latest observation, before any shift.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.shown: Observation = {}
        self._seed: int | None = None
        self._pristine = self._digest("dynamics_sha256")
        self._clean_state = ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the task."""
        self.shown, info = self.env.reset(seed=seed, options=options)
        self._seed, self._clean_state = seed, self._digest("state_sha256")
        return self.shown, info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the task."""
        self.shown, reward, terminated, truncated, info = self.env.step(action)
        return self.shown, reward, terminated, truncated, info

    def breach_at_start(self, seed: int) -> str:
        """What the shifts around did, in a reset, to the episode proper; empty for nothing.

        Args:
            seed: The seed that the reset was asked for.
        """
        if self._seed != seed:
            return f"resets the task with seed {self._seed} instead of {seed}"
        if self._digest("state_sha256") != self._clean_state:
            return "changes the initial state"
        return self.breach()

    def breach(self) -> str:
        """Whether the model's dynamics are no longer those that the task was built with; empty if they are."""
        return "changes the model's dynamics" if self._digest("dynamics_sha256") != self._pristine else ""

    def _digest(self, name: str) -> str:
        # Tasks of others need not offer any.
        digest = getattr(self.env.unwrapped, name, None)
        return str(digest()) if callable(digest) else ""


def sentry_of(env: gymnasium.Env[Any, Any]) -> Sentry | None:
    """The sentry within an environment; None where there is none."""
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, Sentry):
            return env
        env = env.env
    return None


class ObservationCheck:
    """Holds observations against a space; made once an episode, since it is asked after each control step.

    Args:
        space: The environment's observation space.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self._spaces = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {}
        self._bounds = {
            key: _bounds(part)
            for key, part in self._spaces.items()
            if isinstance(part, gymnasium.spaces.Box) and not _is_frame(part)
        }

    def fault(self, observation: Mapping[str, Any]) -> str:
        """What is wrong with an observation; empty for nothing.

        Args:
            observation: Key -> array. Keys may be missing: frames that nobody reads are not drawn.
        """
        for key, value in observation.items():
            space = self._spaces.get(key)
            if space is None or self._is_in(key, value, space):
                continue
            return f"observation {key!r} {_fault(np.asarray(value), space, self._bounds.get(key))}"
        return ""

    def _is_in(self, key: str, value: Any, space: gymnasium.Space[Any]) -> bool:
        if not isinstance(space, gymnasium.spaces.Box):
            return bool(space.contains(value))
        value = np.asarray(value)
        if value.shape != space.shape or not np.can_cast(value.dtype, space.dtype):
            return False
        if key not in self._bounds:
            return True
        low, high = self._bounds[key]
        # What is no number is neither above nor below anything.
        return bool(((value >= low) & (value <= high)).all())


def _is_frame(space: gymnasium.spaces.Box) -> bool:
    """Whether no number of the space's type lies outside of it."""
    return space.dtype == np.uint8 and bool((space.low == 0).all() and (space.high == 255).all())


def _bounds(space: gymnasium.spaces.Box) -> tuple[Bound, Bound]:
    """Lowest and highest number that passes, each of the space's shape; infinity never does."""
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    ends = np.isfinite(low) & np.isfinite(high)
    slack = np.zeros(low.shape)
    slack[ends] = _SLACK * (high[ends] - low[ends])
    most = np.finfo(np.float64).max
    return np.maximum(low - slack, -most), np.minimum(high + slack, most)


def _fault(
    value: np.ndarray[Any, Any], space: gymnasium.Space[Any], bounds: tuple[Bound, Bound] | None
) -> str:
    if not isinstance(space, gymnasium.spaces.Box):
        return f"lies outside its space {space}"
    if value.shape != space.shape:
        return f"has shape {value.shape}; its space says {space.shape}"
    if not np.can_cast(value.dtype, space.dtype):
        return f"is {value.dtype}; its space says {space.dtype}"
    if not np.isfinite(value).all():
        return "holds numbers that are not finite"
    assert bounds is not None
    outside = (value < bounds[0]) | (value > bounds[1])
    place = np.unravel_index(int(outside.argmax()), value.shape)
    where = [int(number) for number in place]
    return f"is {value[place]:.6g} at {where}; its space says [{space.low[place]:g}, {space.high[place]:g}]"

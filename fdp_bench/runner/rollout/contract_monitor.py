"""What a task and its shifts promise, watched while episodes run: observations in their space, dynamics untouched."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation
from fdp_bench.api.success import SUCCESS, SUCCESS_HELD, SuccessError, read_success

#: How far a number may lie outside its declared bounds, as a share of their distance: rounding is no fault.
_SLACK = 1e-3
Bound = npt.NDArray[np.float64]


class ObservationFault(Exception):  # noqa: N818 (recorded on the episode, never raised to a user)
    """An environment showed what its observation space does not hold."""


class ResultFault(Exception):  # noqa: N818 (recorded on the episode, never raised to a user)
    """An environment's `reset` or `step` returned something of another form than Gymnasium's."""


class Sentry(gymnasium.Wrapper):
    """Stands between a task and all shifts, and remembers what the task did by itself.

    Reset with a seed, a task starts as it starts without a shift. So the state and the model's dynamics right after
    that reset are the clean twin's. Tasks may place by their model what has no joint, as Door its frame: what changes
    within their own reset is theirs, what was changed before it is somebody else's.

    Attributes:
        shown: The task's latest observation, before any shift.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.shown: Observation = {}
        self._expected: npt.NDArray[Any] | None = None
        self._steps_taken = 0
        self._is_action_changed = False
        self._verdict: tuple[bool | str, ...] = ()
        self._seed: int | None = None
        self._pristine = self._digest("dynamics_sha256")
        self._is_tampered = False
        self._clean_state = ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the task."""
        self._is_tampered |= self._digest("dynamics_sha256") != self._pristine
        observation, info = self.env.reset(seed=seed, options=options)
        self.shown = _kept(observation)
        self._pristine = self._digest("dynamics_sha256")
        self._seed, self._clean_state = seed, self._digest("state_sha256")
        return observation, info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the task."""
        self._steps_taken += 1
        self._is_action_changed |= self._expected is not None and not np.array_equal(action, self._expected)
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.shown, self._verdict = _kept(observation), _verdict(terminated, truncated, info)
        return observation, reward, terminated, truncated, info

    def expect(self, action: npt.NDArray[Any]) -> None:
        """Note what the shifts around are about to be asked, for `breach_in_step`."""
        self._expected, self._steps_taken, self._is_action_changed = np.array(action), 0, False

    def breach_in_step(self, terminated: Any, truncated: Any, info: Mapping[str, Any]) -> str:
        """What the shifts around did to the latest step; empty for nothing.

        Args:
            terminated: What came out of them.
            truncated: Likewise.
            info: Likewise.
        """
        if self._steps_taken != 1:
            return f"takes {self._steps_taken} control steps for one"
        if self._is_action_changed:
            return "changes the action"
        if _verdict(terminated, truncated, info) != self._verdict:
            return "changes what the task says of success and of the episode's end"
        return ""

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
        """Whether the model's dynamics are no longer those that the task itself left; empty if they are."""
        is_other = self._is_tampered or self._digest("dynamics_sha256") != self._pristine
        return "changes the model's dynamics" if is_other else ""

    def _digest(self, name: str) -> str:
        # Tasks of others need not offer any.
        digest = getattr(self.env.unwrapped, name, None)
        return str(digest()) if callable(digest) else ""


def _kept(observation: Any) -> Any:
    """What was shown, safe from whoever alters it in place; of frames, the form alone can be wrong."""
    if not isinstance(observation, Mapping):
        return observation
    return {
        key: value.copy() if isinstance(value, np.ndarray) and value.dtype != np.uint8 else value
        for key, value in observation.items()
    }


def _verdict(terminated: Any, truncated: Any, info: Mapping[str, Any]) -> tuple[bool | str, ...]:
    return (bool(terminated), bool(truncated), *(_told(info, key) for key in (SUCCESS, SUCCESS_HELD)))


def _told(info: Mapping[str, Any], key: str) -> bool | str:
    try:
        return read_success(info, key)
    except SuccessError as error:
        # Said of the episode where it is read.
        return str(error)


def step_result(result: Any) -> tuple[Observation, Any, Any, Mapping[str, Any]]:
    """Observation, terminated, truncated and info of what an environment's `step` returned.

    Raises:
        ResultFault: If it is of another form.
    """
    if not isinstance(result, tuple) or len(result) != 5:
        raise ResultFault(f"step returned {_form(result)}; Gymnasium's five values are needed")
    observation, _, terminated, truncated, info = result
    if not isinstance(info, Mapping):
        raise ResultFault(f"step returned {_form(info)} for info; a dictionary is needed")
    return observation, terminated, truncated, info


def _form(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, tuple) else f"a {type(value).__name__}"


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

    def fault(self, observation: Any) -> str:
        """What is wrong with an observation; empty for nothing.

        Args:
            observation: Key -> array. Keys may be missing: frames that nobody reads are not drawn.
        """
        if not isinstance(observation, Mapping):
            return f"observation is {_form(observation)}, not a dictionary"
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

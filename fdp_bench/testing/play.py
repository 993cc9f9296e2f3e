"""Short episodes to compare: what comes out of an environment, with and without a shift around it."""

import copy
import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api import Observation, image_keys
from fdp_bench.api.success import SUCCESS, read_success

Environment = gymnasium.Env[Any, Any]


@dataclass
class PlayedEpisode:
    """What came out of an episode, one entry a control step, the reset first.

    Attributes:
        observations: What was shown.
        outcomes: Reward, terminated, truncated, success.
        states: The simulator's state as bytes; empty where the environment has no `state`.
        edited_in_place: Whether anybody modified an observation that the environment had handed out.
    """

    observations: list[Observation] = field(default_factory=list)
    outcomes: list[tuple[Any, ...]] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)
    edited_in_place: bool = False


class Watch(gymnasium.Wrapper):
    """Stands between an environment and a shift: withholds frames that nobody reads, notices edits in place.

    Attributes:
        draws: Whether the camera keys are handed out.
    """

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        self.draws = True
        self._given: Observation = {}
        self._kept: Observation = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset; the first frame is always handed out where the environment draws it."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._give(observation), info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step and hand out what is read."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if not self.draws:
            unread = image_keys(observation)
            observation = {key: value for key, value in observation.items() if key not in unread}
        return self._give(observation), float(reward), terminated, truncated, info

    def draw(self, draws: bool) -> None:
        """Whether the coming observation's frames are read."""
        self.draws = draws
        base: Any = self.env.unwrapped
        if hasattr(base, "draw_images"):
            base.draw_images = draws

    def edited_in_place(self) -> bool:
        """Whether the observation handed out last was modified since."""
        return not same_observation(self._given, self._kept)

    def _give(self, observation: Observation) -> Observation:
        self._given, self._kept = observation, copy.deepcopy(observation)
        return observation


def play(
    env: Environment, watch: Watch, *, seed: int, steps: int, drawn: Collection[int] | None = None
) -> PlayedEpisode:
    """Play an episode of random actions, the same ones for the same seed.

    Args:
        env: `watch` itself, or a shift around it.
        watch: What stands around the environment proper.
        seed: Seed of the initial state, the shift and the actions.
        steps: Control steps.
        drawn: Control steps whose frames are drawn, 0 for the reset; None for all.
    """
    episode = PlayedEpisode()
    state = getattr(env.unwrapped, "state", None)

    def record(observation: Observation, outcome: tuple[Any, ...]) -> None:
        episode.observations.append(copy.deepcopy(observation))
        episode.outcomes.append(outcome)
        episode.states.append(state().tobytes() if callable(state) else b"")
        episode.edited_in_place |= watch.edited_in_place()

    shape = env.action_space.shape or ()
    actions = np.random.default_rng(seed).uniform(-1.0, 1.0, (steps, *shape)).astype(np.float32)
    watch.draw(drawn is None or 0 in drawn)
    observation, _ = env.reset(seed=seed, options={"shift_seed": seed})
    record(observation, ())
    for step, action in enumerate(actions, start=1):
        watch.draw(drawn is None or step in drawn)
        observation, reward, terminated, truncated, info = env.step(action)
        record(observation, (reward, terminated, truncated, read_success(info) if SUCCESS in info else None))
    watch.draw(True)
    return episode


def same_observation(one: Observation, other: Observation) -> bool:
    """Whether two observations are equal bit for bit."""
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and np.array_equal(one[key], other[key]) for key in one
    )


def same_observations(one: PlayedEpisode, other: PlayedEpisode) -> bool:
    """Whether two episodes show the same, bit for bit."""
    return all(map(same_observation, one.observations, other.observations))


def mean_change(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> float:
    """Mean absolute difference of two arrays of one shape."""
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).mean())


@contextmanager
def global_seeds(seed: int) -> Iterator[None]:
    """Set Python's and NumPy's global generators for a while."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)

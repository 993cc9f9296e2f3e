"""Decisions of a policy: what it saw and the noise it was given, by episode and in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError, Inspector, Observation, TaskInfo, noise_stream
from fdp_bench.demos.advice import way_to
from fdp_bench.demos.dataset import Demonstration, load_demonstrations
from fdp_bench.diagnose.conditions import donor_of

#: Rows that a policy is asked for at once; the last batch is padded, since products round differently by shape.
ROWS = 16


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
        step: Control step.
        observation: Key -> array, shape (n_obs_steps, ...).
        noise: Standard normal noise of the policy's `noise_shape`.
    """

    step: int
    observation: Observation
    noise: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Decisions:
    """Decisions of several episodes.

    Attributes:
        source: Where they come from, in words.
        episodes: Decisions of each episode, in order; every episode has one at least.
    """

    source: str
    episodes: tuple[tuple[Decision, ...], ...]

    def donor(self, episode: int, number: int) -> Decision:
        """What another episode saw at an episode's decision of that number; its last where it was over by then."""
        other = self.episodes[donor_of(episode, len(self.episodes))]
        return other[min(number, len(other) - 1)]

    def rows(self) -> Iterator[tuple[int, int, Decision]]:
        """(episode, number, decision) of every decision."""
        for episode, decisions in enumerate(self.episodes):
            for number, decision in enumerate(decisions):
                yield episode, number, decision


def decisions_from_demonstrations(
    path: Path, inspector: Inspector, task: TaskInfo, train_demos: int | None, seed: int
) -> Decisions:
    """Decisions along the held-out demonstrations of a file, one every `n_action_steps` control steps.

    Args:
        path: Demonstration file.
        inspector: The policy.
        task: The task.
        train_demos: Demonstrations that the policy was trained on, which decides which ones are held out.
        seed: Seed of the noise.

    Raises:
        DatasetError: If the file is none, of another task, or lacks what the policy reads.
    """
    loaded = load_demonstrations(path, task_id=task.task_id, num_demos=train_demos)
    return decisions_along(loaded.subset(loaded.valid), str(path), inspector, task, seed)


def decisions_along(
    held_out: Sequence[Demonstration], where: str, inspector: Inspector, task: TaskInfo, seed: int
) -> Decisions:
    """Decisions along demonstrations that the policy was not trained on. See `decisions_from_demonstrations`."""
    if len(held_out) < 2:
        raise DatasetError(
            f"{where} holds {len(held_out)} demonstrations that the policy was not trained on, and swapping senses "
            f"takes two; {way_to('record more', task.task_id)}"
        )
    keys = [key for name in inspector.modalities for key in task.modalities[name]]
    missing = [key for key in keys if key not in held_out[0].observations]
    if missing:
        raise DatasetError(
            f"{where} holds no {missing[0]!r}, which the policy reads; leave --data out to diagnose on its own episodes"
        )
    for key in keys:
        held, shown = held_out[0].observations[key].shape[1:], task.observation_shapes[key]
        if held != tuple(shown):
            raise DatasetError(
                f"{where} holds {key!r} of shape {held}, and {task.task_id} shows {tuple(shown)}; it was recorded on "
                f"another task: {way_to('make some', task.task_id)}"
            )
    episodes = tuple(
        tuple(_windows(demo, number, keys, inspector, seed)) for number, demo in enumerate(held_out)
    )
    return Decisions(f"{len(episodes)} demonstrations that it was not trained on", episodes)


def _windows(
    demo: Demonstration, number: int, keys: Sequence[str], inspector: Inspector, seed: int
) -> Iterator[Decision]:
    for step in range(0, len(demo), inspector.n_action_steps):
        seen = np.maximum(np.arange(step - inspector.n_obs_steps + 1, step + 1), 0)
        observation: Observation = {key: demo.observations[key][seen] for key in keys}
        noise = noise_stream(seed, number, step).standard_normal(inspector.noise_shape, dtype=np.float32)
        yield Decision(step, observation, noise)

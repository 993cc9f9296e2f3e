"""Places in shared memory where a simulating worker leaves observations and noise, and finds actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import TaskInfo
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy

#: Arrays start at multiples of this, bytes: a cache line, so that no two processes write to one.
_ALIGNMENT = 64


@dataclass(frozen=True)
class PolicyFacts:
    """What a simulating worker must know of a policy that lives elsewhere.

    Attributes:
        spec: Canonical policy string.
        sha256: Hash over its weights.
        keys: Observation keys that it reads.
        n_obs_steps: Observations that it reads at once.
        n_action_steps: Actions that it gives at once.
        noise_shape: Shape of one row's noise.
    """

    spec: str
    sha256: str
    keys: tuple[str, ...]
    n_obs_steps: int
    n_action_steps: int
    noise_shape: tuple[int, ...]

    @classmethod
    def of(cls, policy: BatchedPolicy, sha256: str) -> "PolicyFacts":
        """Read them off a policy."""
        return cls(
            spec=str(policy.policy.spec),
            sha256=sha256,
            keys=policy.keys,
            n_obs_steps=policy.n_obs_steps,
            n_action_steps=policy.n_action_steps,
            noise_shape=policy.noise_shape,
        )


@dataclass(frozen=True)
class Place:
    """Where one array lies in a slot.

    Attributes:
        offset: Bytes from the slot's start.
        shape: Its shape.
        dtype: Its dtype's name.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class SlotLayout:
    """How one episode's arrays lie in its slot.

    Attributes:
        observation: Observation key -> place.
        noise: Place of the noise.
        actions: Place of the actions.
        size: Bytes of a slot.
    """

    observation: Mapping[str, Place]
    noise: Place
    actions: Place
    size: int

    @classmethod
    def of(cls, facts: PolicyFacts, task: TaskInfo, dtypes: Mapping[str, str]) -> "SlotLayout":
        """Lay out what a policy reads and gives.

        Args:
            facts: The policy.
            task: The task.
            dtypes: Observation key -> dtype's name.
        """
        arrays: dict[str, tuple[tuple[int, ...], str]] = {
            key: ((facts.n_obs_steps, *task.observation_shapes[key]), dtypes[key]) for key in facts.keys
        }
        # Observation keys are anybody's, so the other two go by their place.
        listed = [*arrays.values(), (facts.noise_shape, "float32")]
        listed.append(((facts.n_action_steps, task.action_dim), "float32"))
        places, offset = [], 0
        for shape, dtype in listed:
            places.append(Place(offset, shape, dtype))
            size = prod(shape) * np.dtype(dtype).itemsize
            offset += -(-size // _ALIGNMENT) * _ALIGNMENT
        observation = dict(zip(arrays, places[:-2], strict=True))
        return cls(observation, places[-2], places[-1], offset)


class Slot:
    """One slot's arrays, views into the shared memory.

    Args:
        memory: The shared memory.
        start: Offset of the slot.
        layout: How it is laid out.

    Attributes:
        observation: Observation key -> array, shape (n_obs_steps, ...).
        noise: Shape of one row's noise.
        actions: Shape (n_action_steps, A).
    """

    def __init__(self, memory: SharedMemory, start: int, layout: SlotLayout) -> None:
        def view(place: Place) -> npt.NDArray[Any]:
            return np.ndarray(place.shape, place.dtype, buffer=memory.buf, offset=start + place.offset)

        self.observation = {key: view(place) for key, place in layout.observation.items()}
        self.noise = view(layout.noise)
        self.actions = view(layout.actions)

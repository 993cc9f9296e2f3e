"""A policy that lives in the inference process, as a simulating worker sees it."""

import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.api.errors import RunError
from fdp_bench.api.modality import Observation
from fdp_bench.runner.inference_server.server import Answer, Question, SharedSlots
from fdp_bench.runner.inference_server.shared_memory import Slot
from fdp_bench.runner.processes.messages import InferenceLostError
from fdp_bench.runner.rollout.batched_policy import Actions, Noise, PolicyError


class RemotePolicies:
    """The inference process's policies, asked through a worker's slots.

    Args:
        server: Connection to the inference process.
        shared: Where the slots are.
        lanes: Slots of this worker.
    """

    def __init__(self, server: Connection, shared: SharedSlots, lanes: int) -> None:
        self._server, self._shared, self._lanes = server, shared, lanes
        self._memory = SharedMemory(shared.memory)
        self._policies: dict[int, RemotePolicy] = {}

    def policy(self, spec: EpisodeSpec) -> "RemotePolicy":
        """The policy that an episode asks for."""
        for number, facts in enumerate(self._shared.facts):
            if (facts.spec, facts.sha256) == (spec.policy, spec.checkpoint):
                if number not in self._policies:
                    self._policies[number] = self._view(number)
                return self._policies[number]
        raise RunError(f"the inference process does not serve policy {spec.policy!r}")

    def close(self) -> None:
        """Let go of the shared memory, which is the parent's."""
        for policy in self._policies.values():
            policy.forget_slots()
        self._memory.close()

    def _view(self, number: int) -> "RemotePolicy":
        shared = self._shared
        slots = [
            Slot(self._memory, (shared.first + lane) * shared.slot_bytes, shared.layouts[number])
            for lane in range(self._lanes)
        ]
        return RemotePolicy(self._server, shared, number, slots)


class RemotePolicy:
    """Asks as `BatchedPolicy` does, row r being the worker's lane r.

    Attributes:
        keys: Observation keys that the policy reads.
        noise_shape: Shape of one row's noise.
        n_obs_steps: Observations that it reads at once.
        n_action_steps: Actions that it gives at once.
        fallbacks: See `BatchedPolicy.fallbacks`.
    """

    def __init__(self, server: Connection, shared: SharedSlots, number: int, slots: Sequence[Slot]) -> None:
        facts = shared.facts[number]
        self.keys, self.noise_shape = facts.keys, facts.noise_shape
        self.n_obs_steps, self.n_action_steps = facts.n_obs_steps, facts.n_action_steps
        self._server, self._number, self._first = server, number, shared.first
        self._slots = tuple(slots)
        self.fallbacks: dict[int, bool] = {}

    def reset(self, rows: Sequence[int]) -> None:
        """Nothing: the inference process serves no policy that keeps a state."""

    def act(
        self, observations: Mapping[int, Observation], noises: Mapping[int, Noise]
    ) -> tuple[dict[int, Actions | PolicyError], float]:
        """See `BatchedPolicy.act`; the wall time is that from the question to the answer.

        Raises:
            InferenceLostError: If the inference process has ended.
        """
        start = time.perf_counter()
        answers: dict[int, Actions | PolicyError] = {}
        self.fallbacks = {}
        for row, observation in observations.items():
            slot = self._slots[row]
            try:
                for key in self.keys:
                    np.copyto(slot.observation[key], observation[key], casting="no")
                slot.noise[...] = noises[row]
            except (TypeError, ValueError) as error:
                answers[row] = PolicyError(f"observation is not as its space says: {error}")
        asked = [row for row in observations if row not in answers]
        if asked:
            for row, found in zip(asked, self._ask(asked), strict=True):
                if found.fault is not None:
                    answers[row] = PolicyError(found.fault, found.traceback)
                    continue
                answers[row] = self._slots[row].actions.copy()
                if found.fell_back is not None:
                    self.fallbacks[row] = found.fell_back
        return answers, 1000 * (time.perf_counter() - start)

    def forget_slots(self) -> None:
        """Let go of the shared memory; the policy cannot be asked any more."""
        self._slots = ()

    def _ask(self, rows: Sequence[int]) -> Answer:
        try:
            self._server.send(Question(self._number, tuple(self._first + row for row in rows)))
            answer: Answer = self._server.recv()
        except (EOFError, OSError):
            raise InferenceLostError("the inference process ended before it answered") from None
        return answer

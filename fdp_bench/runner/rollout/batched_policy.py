"""Asking a policy: always with the same number of rows, each row's answer checked by itself."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.api.modality import Observation, TaskInfo
from fdp_bench.api.policy import Policy
from fdp_bench.runner.rollout.plugin_calls import (
    PLUGIN_ERRORS,
    TooSlow,
    describe_error,
    exit_if_forked,
    time_limit,
    traceback_text,
)

Actions = npt.NDArray[np.float32]
Noise = npt.NDArray[np.float32]


class PolicyError(Exception):
    """A policy raised, or answered with something that is no action chunk.

    Attributes:
        traceback: Where its code raised; empty if it answered.
    """

    def __init__(self, text: str, traceback: str = "") -> None:
        super().__init__(text)
        self.traceback = traceback


class AskedPolicy(Protocol):
    """What episodes ask for actions: a policy of this process (`BatchedPolicy`) or of another one.

    Attributes:
        keys: Observation keys that it reads.
        noise_shape: Shape of one row's noise.
        fallbacks: See `BatchedPolicy.fallbacks`.
    """

    keys: tuple[str, ...]
    noise_shape: tuple[int, ...]
    fallbacks: dict[int, bool]

    @property
    def n_obs_steps(self) -> int:
        """Observations that it reads at once."""
        ...

    @property
    def n_action_steps(self) -> int:
        """Actions that it gives at once."""
        ...

    def reset(self, rows: Sequence[int]) -> None:
        """See `BatchedPolicy.reset`."""

    def act(
        self, observations: Mapping[int, Observation], noises: Mapping[int, Noise]
    ) -> "tuple[dict[int, Actions | PolicyError], float]":
        """See `BatchedPolicy.act`."""
        ...


class BatchedPolicy:
    """A policy behind a batch of constant size.

    Matrix products can round differently by shape, so the policy sees `batch_rows` rows whoever is asking: free
    rows repeat the first asking one's observation, with zeros for noise.

    Attributes:
        keys: Observation keys that the policy reads.
        noise_shape: Shape of one row's noise.
        fallbacks: Row -> whether a fallback chose its latest actions (`Policy.fallbacks`), for the rows of the latest
            `act` that were answered; empty for a policy without a fallback.
    """

    def __init__(self, policy: Policy, task: TaskInfo, batch_rows: int, act_timeout_s: float = 0.0) -> None:
        self.policy = policy
        self.keys = policy_keys(policy, task)
        self.noise_shape = tuple(policy.noise_shape)
        self.fallbacks: dict[int, bool] = {}
        self._rows, self._pid = batch_rows, os.getpid()
        self._timeout_s = act_timeout_s
        self._answer_shape = (batch_rows, policy.n_action_steps, task.action_dim)

    @property
    def n_obs_steps(self) -> int:
        """Observations that it reads at once."""
        return self.policy.n_obs_steps

    @property
    def n_action_steps(self) -> int:
        """Actions that it gives at once."""
        return self.policy.n_action_steps

    def reset(self, rows: Sequence[int]) -> None:
        """Tell the policy that new episodes start in these rows.

        Raises:
            PolicyError: If it raises.
        """
        try:
            self.policy.reset(np.array(rows, dtype=np.int64))
        except PLUGIN_ERRORS as error:
            raise PolicyError(f"reset raised {describe_error(error)}", traceback_text(error)) from error

    def act(
        self, observations: Mapping[int, Observation], noises: Mapping[int, Noise]
    ) -> tuple[dict[int, Actions | PolicyError], float]:
        """Choose the next actions of the asking rows.

        When the batch raises or takes too long, each row is asked by itself, so that one bad episode spoils no other.

        Args:
            observations: Row -> observation, arrays of shape (n_obs_steps, ...).
            noises: Row -> standard normal noise of `noise_shape`.

        Returns:
            Row -> actions, shape (n_action_steps, A), clipped to [-1, 1], or what was wrong; and the wall time
            that the batch waited, in milliseconds.
        """
        start = time.perf_counter()
        self.fallbacks = {}
        try:
            answers = self._ask(observations, noises)
        except (*PLUGIN_ERRORS, TooSlow) as error:
            if len(observations) == 1:
                answers = {row: _fault(error) for row in observations}
            else:
                answers = {}
                fallbacks: dict[int, bool] = {}
                for row in observations:
                    answers |= self.act({row: observations[row]}, {row: noises[row]})[0]
                    fallbacks |= self.fallbacks
                self.fallbacks = fallbacks
        return answers, 1000 * (time.perf_counter() - start)

    def _ask(
        self, observations: Mapping[int, Observation], noises: Mapping[int, Noise]
    ) -> dict[int, Actions | PolicyError]:
        first = observations[min(observations)]
        batch = {
            key: np.stack([observations.get(row, first)[key] for row in range(self._rows)])
            for key in self.keys
        }
        noise = np.zeros((self._rows, *self.noise_shape), dtype=np.float32)
        for row, values in noises.items():
            noise[row] = values
        with time_limit(self._timeout_s):
            answer = np.asarray(self.policy.act(batch, noise))
            fallbacks = self.policy.fallbacks()
        exit_if_forked(self._pid)
        if answer.shape != self._answer_shape:
            raise PolicyError(f"act returned shape {answer.shape}; {self._answer_shape} is needed")
        if fallbacks is not None:
            if np.shape(fallbacks) != (self._rows,):
                raise PolicyError(
                    f"fallbacks returned shape {np.shape(fallbacks)}; {(self._rows,)} is needed"
                )
            self.fallbacks = {row: bool(fallbacks[row]) for row in observations}
        return {row: _checked(answer[row]) for row in observations}


def policy_keys(policy: Policy, task: TaskInfo) -> tuple[str, ...]:
    """Observation keys of the modalities that a policy reads.

    Raises:
        SpecError: If the task offers no such modality.
    """
    keys: list[str] = []
    for modality in policy.modalities:
        if modality not in task.modalities:
            raise SpecError(
                f"policy {str(policy.spec)!r} reads modality {modality!r}, which task {task.task_id!r} does not "
                f"offer{nearest(modality, task.modalities)}"
            )
        keys += [key for key in task.modalities[modality] if key not in keys]
    return tuple(keys)


def _checked(actions: npt.NDArray[Any]) -> Actions | PolicyError:
    if not np.issubdtype(actions.dtype, np.floating):
        return PolicyError(f"act returned dtype {actions.dtype}; float32 is needed")
    if not np.isfinite(actions).all():
        return PolicyError("act returned actions that are not finite")
    return np.clip(actions, -1.0, 1.0).astype(np.float32)


def _fault(error: BaseException) -> PolicyError:
    if isinstance(error, PolicyError):
        return error
    if isinstance(error, TooSlow):
        return PolicyError(str(error))
    return PolicyError(f"act raised {describe_error(error)}", traceback_text(error))

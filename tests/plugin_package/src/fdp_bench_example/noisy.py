"""Noisy: another policy whose every action is disturbed, for planting a regression that a gate must catch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Policy, PolicySpec, SpecError, TaskInfo, WeightsInfo
from fdp_bench.plugins import load_policy
from fdp_bench.specs import parse_policy


class Noisy(Policy):
    """The wrapped policy's actions plus independent Gaussian noise, clipped to [-1, 1].

    The wrapped policy gets the same noise as without the wrapper, so a comparison with it is paired in full.
    """

    summary = "another policy with noise on its actions"
    option_values = {"policy": "waver", "scale": "0.1"}  # noqa: RUF012

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        super().__init__(spec, task, device=device)
        self.scale = _scale(spec)
        wrapped = _wrapped(spec)
        self.inner = load_policy(wrapped.name)(wrapped, task, device=device)
        self.modalities = self.inner.modalities
        self.n_obs_steps, self.n_action_steps = self.inner.n_obs_steps, self.inner.n_action_steps

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The wrapped policy's numbers first, then one for each component of each action."""
        return (self._inner_size + self.n_action_steps * self.task.action_dim,)

    @property
    def _inner_size(self) -> int:
        # A policy without noise has shape (), and takes one number that it does not read.
        return int(np.prod(self.inner.noise_shape))

    def act(
        self, observation: Mapping[str, npt.NDArray[Any]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        rows = len(noise)
        ours = noise[:, : self._inner_size].reshape(rows, *self.inner.noise_shape)
        disturbance = noise[:, self._inner_size :].reshape(rows, self.n_action_steps, self.task.action_dim)
        actions = self.inner.act(observation, ours) + self.scale * disturbance
        return np.clip(actions, -1.0, 1.0).astype(np.float32)

    def reset(self, lanes: npt.NDArray[np.int64]) -> None:
        """See `Policy.reset`."""
        self.inner.reset(lanes)

    @classmethod
    def resolve(cls, spec: PolicySpec, task: TaskInfo) -> PolicySpec:
        """See `Policy.resolve`."""
        _scale(spec)
        _wrapped(spec)
        return super().resolve(spec, task)

    @classmethod
    def sampler_name(cls, spec: PolicySpec) -> str:
        """The wrapped policy's."""
        wrapped = _wrapped(spec)
        return load_policy(wrapped.name).sampler_name(wrapped)

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """The wrapped policy's."""
        wrapped = _wrapped(spec)
        return load_policy(wrapped.name).weights(wrapped, task)


def _wrapped(spec: PolicySpec) -> PolicySpec:
    return parse_policy(spec.options.get("policy", str(Noisy.option_values["policy"])))


def _scale(spec: PolicySpec) -> float:
    text = spec.options.get("scale", str(Noisy.option_values["scale"]))
    try:
        scale = float(text)
    except ValueError:
        scale = -1.0
    if not 0.0 <= scale <= 2.0:
        raise SpecError(f"scale={text} of policy 'noisy' is no number in [0, 2]; try scale=0.1")
    return scale

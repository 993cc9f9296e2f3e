"""Policies that read all senses jointly, and may fall back to a base."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import CheckpointError, PolicySpec, TaskInfo
from fdp_policies.acting.guarded_policy import base_checkpoint
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.checkpoints.policy_spec import GUARD_OPTION
from fdp_policies.diffusion_policy import DiffusionPolicy
from fdp_policies.guard.option import OFF, guard_option
from fdp_policies.guarded_diffusion import GuardedDiffusionPolicy


class JointPolicy(GuardedDiffusionPolicy):
    """One network conditioned on all senses jointly, which may fall back to a base that lies beside it.

    With ``guard=base:prop`` both networks run for every row, and each row's actions are one's or the other's.
    """

    listed_options: ClassVar[Mapping[str, tuple[str, ...]]] = {GUARD_OPTION: (OFF, "base:prop")}

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Load the weights, and the base's where there is a guard. See `DiffusionPolicy`."""
        super().__init__(spec, task, device=device)
        option = guard_option(spec, task)
        self._base: BaseDiffusionPolicy | None = None
        if option is not None:
            path = base_checkpoint(spec, task, option).path
            self._base = self.make_base(option.base_spec(spec, path), task, device=device)
            _require_alike(self, self._base)

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        actions = super().act(observation, noise)
        aside = self.fallbacks()
        if self._base is None or aside is None:
            return actions
        return np.where(aside[:, None, None], self._base.act(observation, noise), actions)


def _require_alike(policy: DiffusionPolicy, base: DiffusionPolicy) -> None:
    """Refuse a base that reads or gives another number of steps than the policy that falls back to it."""
    for name in ("n_obs_steps", "n_action_steps", "noise_shape"):
        own, others = getattr(policy, name), getattr(base, name)
        if own != others:
            raise CheckpointError(
                f"{policy.spec} has {name} {own}, and the base {base.spec} {others}: train both in one shape"
            )

"""Diffusion policies that may fall back to a base, see `fdp_policies.guard`."""

from fdp_bench.api import PolicySpec, TaskInfo
from fdp_policies.acting.guarded_policy import GuardedPolicy
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.diffusion_policy import DiffusionPolicy


class GuardedDiffusionPolicy(GuardedPolicy, DiffusionPolicy):
    """A diffusion policy that takes the option ``guard``."""

    @classmethod
    def make_base(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> "BaseDiffusionPolicy":
        """See `GuardedPolicy.make_base`."""
        return BaseDiffusionPolicy(spec, task, device=device)

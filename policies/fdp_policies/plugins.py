"""The policies behind the entry points: ``fdp``, ``dp-dit`` and ``base``. torch is loaded with the first one built."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import CheckpointError, Inspector, PolicySpec, TaskInfo, TheoryCheck, format_experts
from fdp_policies.acting.guarded_policy import GuardedPolicy, base_checkpoint, open_guard
from fdp_policies.acting.learned_policy import LearnedPolicy, open_checkpoint, open_own_checkpoint
from fdp_policies.checkpoints.policy_spec import GUARD_OPTION, architecture_of, sampler_of
from fdp_policies.guard.option import OFF, ON, guard_option


class DiffusionPolicy(LearnedPolicy):
    """A diffusion policy read from a checkpoint; base of the plugins that sample."""

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Load the weights.

        Raises:
            SpecError: If the order or an option is not understood.
            CheckpointError: If weights are missing, damaged, pickled, or made for other senses or another task.
        """
        super().__init__(spec, task, device=device)
        from fdp_policies.acting.chunk_sampler import ChunkSampler, load_denoiser

        architecture, sampler = architecture_of(spec, task), sampler_of(spec)
        checkpoint, guard = open_checkpoint(spec, task), open_guard(spec, task, device)
        self.modalities = architecture.modalities
        self.n_obs_steps = checkpoint.network.n_obs_steps
        self.n_action_steps = checkpoint.network.n_action_steps
        self._sampler = ChunkSampler(load_denoiser(checkpoint, device), checkpoint, sampler, device, guard)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """(draws, horizon, A): one draw for DDIM, one a denoising step for DDPM."""
        return self._sampler.noise_shape

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        return self._sampler.act(observation, noise)

    def fallbacks(self) -> npt.NDArray[np.bool_] | None:
        """See `Policy.fallbacks`."""
        return self._sampler.aside

    @classmethod
    def sampler_name(cls, spec: PolicySpec) -> str:
        """See `Policy.sampler_name`."""
        sampler = sampler_of(spec)
        return f"{sampler.sampler}, {sampler.denoising_steps} steps"

    @classmethod
    def diagnose(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> Inspector:
        """See `Policy.diagnose`."""
        from fdp_policies.diagnosis.inspector import DiffusionInspector, OpenedCheckpoint

        found, option = open_own_checkpoint(spec, task), guard_option(spec, task)
        checkpoint = OpenedCheckpoint(found.path, found.card)
        fallback = None
        if option is not None and option.names_base:
            base = base_checkpoint(spec, task, option)
            fallback = DiffusionInspector(
                OpenedCheckpoint(base.path, base.card), option.base, task, sampler_of(spec), device
            )
        return DiffusionInspector(
            checkpoint,
            architecture_of(spec, task),
            task,
            sampler_of(spec),
            device,
            open_guard(spec, task, device),
            fallback,
        )


class GuardedDiffusionPolicy(GuardedPolicy, DiffusionPolicy):
    """A diffusion policy that takes the option ``guard``."""

    @classmethod
    def make_base(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> "BaseDiffusionPolicy":
        """See `GuardedPolicy.make_base`."""
        return BaseDiffusionPolicy(spec, task, device=device)


class FactorizedDiffusionPolicy(GuardedDiffusionPolicy):
    """FDP: a frozen base on the prioritized senses, and a residual on all of them."""

    summary: ClassVar[str] = (
        "factorized diffusion policy: frozen base on the prioritized senses plus residual on all"
    )
    listed_options: ClassVar[Mapping[str, tuple[str, ...]]] = {GUARD_OPTION: (OFF, ON)}

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each usual sense before each other one; any others can be named too."""
        names = list(task.usual_modalities)
        return [f"{first}>{second}" for first in names for second in names if first != second]

    @classmethod
    def check_theory(cls) -> TheoryCheck:
        """See `Policy.check_theory`: Theorem 1 of the paper."""
        from fdp_policies.diagnosis.theory import check_theorem

        return check_theorem()


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


class JointDiffusionPolicy(JointPolicy):
    """DP-DiT: one diffusion transformer conditioned on all senses jointly."""

    summary: ClassVar[str] = "diffusion transformer conditioned on all senses jointly"


class BaseDiffusionPolicy(DiffusionPolicy):
    """The base of an FDP alone: it reads the prioritized senses and nothing else."""

    summary: ClassVar[str] = "diffusion transformer on the named senses alone: the base of an FDP"

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each usual sense alone; any others can be named too."""
        return list(task.usual_modalities)


class ExpertsPolicy(DiffusionPolicy):
    """Experts on senses of their own, trained apart, whose noise predictions are summed under weights."""

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """One expert on each usual sense; any others can be named too."""
        return (
            [format_experts([name] for name in task.usual_modalities)]
            if len(task.usual_modalities) > 1
            else []
        )

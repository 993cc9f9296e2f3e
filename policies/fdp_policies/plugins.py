"""The policies behind the entry points: ``fdp``, ``dp-dit`` and ``base``. torch is loaded with the first one built."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Inspector, PolicySpec, TaskInfo, TheoryCheck, format_experts
from fdp_policies.identity import SAMPLER_OPTIONS, architecture_of, sampler_of
from fdp_policies.learned import LearnedPolicy, open_checkpoint, open_own_checkpoint


class DiffusionPolicy(LearnedPolicy):
    """A diffusion policy read from a checkpoint; base of the plugins that sample."""

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Load the weights.

        Raises:
            SpecError: If the order or an option is not understood.
            CheckpointError: If weights are missing, damaged, pickled, or made for other senses or another task.
        """
        super().__init__(spec, task, device=device)
        from fdp_policies.inference import ChunkSampler, load_denoiser

        architecture, sampler = architecture_of(spec, task), sampler_of(spec)
        checkpoint = open_checkpoint(spec, task)
        self.modalities = architecture.modalities
        self.n_obs_steps = checkpoint.network.n_obs_steps
        self.n_action_steps = checkpoint.network.n_action_steps
        self._sampler = ChunkSampler(load_denoiser(checkpoint, device), checkpoint, sampler, device)

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """(draws, horizon, A): one draw for DDIM, one a denoising step for DDPM."""
        return self._sampler.noise_shape

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        return self._sampler.act(observation, noise)

    @classmethod
    def sampler_name(cls, spec: PolicySpec) -> str:
        """See `Policy.sampler_name`."""
        sampler = sampler_of(spec)
        return f"{sampler.sampler}, {sampler.denoising_steps} steps"

    @classmethod
    def diagnose(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> Inspector:
        """See `Policy.diagnose`."""
        from fdp_policies.diagnosis.inspector import DiffusionInspector, OpenedCheckpoint

        found = open_own_checkpoint(spec, task)
        checkpoint = OpenedCheckpoint(found.path, found.card)
        return DiffusionInspector(checkpoint, architecture_of(spec, task), task, sampler_of(spec), device)


class FactorizedDiffusionPolicy(DiffusionPolicy):
    """FDP: a frozen base on the prioritized senses, and a residual on all of them."""

    summary: ClassVar[str] = (
        "factorized diffusion policy: frozen base on the prioritized senses plus residual on all"
    )

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each usual sense before each other one; any others can be named too."""
        names = list(task.usual_modalities)
        return [f"{first}>{second}" for first in names for second in names if first != second]

    @classmethod
    def base_of(cls, spec: PolicySpec, task: TaskInfo) -> PolicySpec:
        """See `Policy.base_of`: the frozen network on the prioritized senses."""
        base = architecture_of(spec, task).base()
        sampling = {key: spec.options[key] for key in SAMPLER_OPTIONS if key in spec.options}
        return PolicySpec(base.family, base.order, options={**base.options, **sampling})

    @classmethod
    def check_theory(cls) -> TheoryCheck:
        """See `Policy.check_theory`: Theorem 1 of the paper."""
        from fdp_policies.diagnosis.theory import check_theorem

        return check_theorem()


class JointDiffusionPolicy(DiffusionPolicy):
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

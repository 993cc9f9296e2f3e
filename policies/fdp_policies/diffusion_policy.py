"""Policies that sample by a denoiser of a checkpoint. torch is loaded with the first one built."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Inspector, PolicySpec, TaskInfo, format_experts
from fdp_policies.acting.guarded_policy import base_checkpoint, open_guard
from fdp_policies.acting.learned_policy import LearnedPolicy, open_checkpoint, open_own_checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of, sampler_of
from fdp_policies.guard.option import guard_option


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

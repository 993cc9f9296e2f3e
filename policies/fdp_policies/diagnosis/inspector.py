"""A diffusion policy opened for diagnosis, by the plain and readable path."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fdp_bench.api import Contribution, HeldOutLosses, Inspector, TaskInfo, WeightFacts
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.checkpoints.checkpoint import Checkpoint, state_sha256
from fdp_policies.checkpoints.policy_spec import Architecture
from fdp_policies.config import SamplerConfig
from fdp_policies.diagnosis.tracing import joint_names, trace_contribution
from fdp_policies.diffusion import NoiseSchedule, Sampler
from fdp_policies.guard.networks import sample_plainly
from fdp_policies.guard.sampling import Guard
from fdp_policies.networks.backbones import Factorized
from fdp_policies.networks.denoisers import Codes
from fdp_policies.networks.normalizer import TensorNormalizer, prepare_observation


class OpenedCheckpoint(Checkpoint):
    """A checkpoint that takes the base that lies beside it, be it the recorded one or not."""

    @cached_property
    def base(self) -> Checkpoint | None:
        """The base's checkpoint as it is now; None for a single network.

        Raises:
            CheckpointError: If it is missing or damaged.
        """
        entry = self.card.get("base")
        return None if entry is None else Checkpoint.open(self.path.parent / Path(entry["file"]).name)


class DiffusionInspector(Inspector):
    """See `Inspector`; for FDP, DP-DiT and bases alone."""

    masks = True

    def __init__(
        self,
        checkpoint: OpenedCheckpoint,
        architecture: Architecture,
        task: TaskInfo,
        sampler: SamplerConfig,
        device: str,
        guard: Guard | None = None,
        fallback: "DiffusionInspector | None" = None,
    ) -> None:
        """Load the network.

        Args:
            checkpoint: Its weights.
            architecture: What it is.
            task: The task.
            sampler: The reverse process.
            device: torch device.
            guard: Its guard; None for none.
            fallback: What answers the rows that step aside, where that is no part of the network.
        """
        self.checkpoint, self.architecture, self.task = checkpoint, architecture, task
        self._guard, self._fallback = guard, fallback
        self._aside: npt.NDArray[np.bool_] | None = None
        self.device = torch.device(device)
        self.denoiser = load_denoiser(checkpoint, device)
        self.sampler = Sampler(sampler, NoiseSchedule(checkpoint.diffusion))
        self.normalizer = TensorNormalizer(checkpoint.normalizer, device)
        self.modalities = architecture.modalities
        self.secondary = architecture.added
        self.n_obs_steps = checkpoint.network.n_obs_steps
        self.n_action_steps = checkpoint.network.n_action_steps

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """See `Policy.noise_shape`."""
        return (
            self.sampler.noise_draws,
            self.checkpoint.network.horizon,
            int(self.checkpoint.card["action_dim"]),
        )

    @torch.inference_mode()
    def act(
        self,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
        *,
        masked: Sequence[str] = (),
        base_only: bool = False,
    ) -> npt.NDArray[np.float32]:
        """See `Inspector.act`."""
        network = self.denoiser
        if base_only and isinstance(network, Factorized):
            network = network.base
        start = torch.as_tensor(noise, device=self.device)
        guard = None if base_only else self._guard
        chunk, *aside = sample_plainly(
            network, self.sampler, guard, self._prepare(observation, masked), start
        )
        actions = self.normalizer.denormalize_actions(chunk[:, : self.n_action_steps])
        chosen = actions.cpu().numpy().astype(np.float32, copy=False)
        self._aside = aside[0].cpu().numpy() if aside else None
        if self._aside is None or self._fallback is None:
            return chosen
        return np.where(
            self._aside[:, None, None], self._fallback.act(observation, noise, masked=masked), chosen
        )

    def fallbacks(self) -> npt.NDArray[np.bool_] | None:
        """See `Policy.fallbacks`."""
        return self._aside

    def contribution(
        self,
        observation: Mapping[str, npt.NDArray[np.generic]],
        noise: npt.NDArray[np.float32],
        *,
        masked: Sequence[str] = (),
    ) -> Contribution | None:
        """See `Inspector.contribution`."""
        if not isinstance(self.denoiser, Factorized):
            return None
        with torch.inference_mode():
            codes: Codes = self.denoiser.encode(self._prepare(observation, masked))
            return trace_contribution(
                self.denoiser, self.sampler, codes, torch.as_tensor(noise, device=self.device)
            )

    def weight_facts(self) -> WeightFacts | None:
        """See `Inspector.weight_facts`."""
        base = self.checkpoint.base
        if base is None or not isinstance(self.denoiser, Factorized):
            return None
        layers = self.denoiser.zero_layers if self.denoiser.composition == "block" else ()
        norms = {
            name: float(layer.get_parameter("weight").norm())
            for name, layer in zip(joint_names(self.denoiser), layers, strict=True)
        }
        return WeightFacts(
            joint_norms=norms,
            frozen_base_sha256=str(self.checkpoint.card["base"].get("frozen_state_sha256", "")),
            base_sha256=state_sha256(base.tensors()),
        )

    def recorded_losses(self) -> HeldOutLosses | None:
        """See `Inspector.recorded_losses`."""
        card, base = self.checkpoint.card, self.checkpoint.base
        senses = card.get("senses")
        if not senses:
            return None
        own = base.card if base is not None else card
        history = (
            _history(own) if base is not None or card.get("determinants", {}).get("role") == "base" else ()
        )
        return HeldOutLosses(
            source="card",
            whole=float(senses["true"]),
            base=float(base.card["senses"]["true"]) if base is not None else None,
            base_history=history,
            shuffled={name: float(loss) for name, loss in senses["shuffled"].items()},
            rise={name: _triple(rise) for name, rise in senses["rise"].items()},
        )

    def measured_losses(self, data: Path) -> HeldOutLosses | None:
        """See `Inspector.measured_losses`."""
        from fdp_policies.diagnosis.losses import measure_losses

        return measure_losses(self.checkpoint, self.denoiser, self.architecture, self.task, data)

    def _prepare(
        self, observation: Mapping[str, npt.NDArray[np.generic]], masked: Sequence[str]
    ) -> dict[str, Tensor]:
        inputs = {
            key: torch.as_tensor(np.ascontiguousarray(observation[key])) for key in self.checkpoint.shapes
        }
        prepared = prepare_observation(
            inputs, tuple(inputs), self.normalizer, self.checkpoint.network.crop_size, self.device
        )
        hidden = {key for name in masked for key in self.task.modalities[name]}
        return {key: torch.zeros_like(value) if key in hidden else value for key, value in prepared.items()}


def _history(card: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    rows = card.get("log", {}).get("rows", ())
    return tuple((int(row["step"]), float(row["heldout_loss"])) for row in rows)


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    low, mean, high = (float(value) for value in values)
    return low, mean, high

"""From a checkpoint to actions: networks rebuilt, and chunks sampled a batch at a time."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from fdp_bench.api import CheckpointError
from fdp_policies.checkpoint import Checkpoint
from fdp_policies.config import SamplerConfig
from fdp_policies.denoisers import Denoiser, DiffusionTransformer, FactorizedDenoiser
from fdp_policies.diffusion import NoiseSchedule, Sampler
from fdp_policies.normalizer import TensorNormalizer, prepare_observation


def load_denoiser(checkpoint: Checkpoint, device: str) -> DiffusionTransformer | FactorizedDenoiser:
    """Rebuild the network of a checkpoint, its base included, frozen and in float32.

    Raises:
        CheckpointError: If the weights do not fit the card.
    """
    if device == "cpu":
        # Workers share the cores: one intra-op thread each, and the same rounding everywhere.
        torch.set_num_threads(1)
    base = checkpoint.base
    action_dim = int(checkpoint.card["action_dim"])
    network: DiffusionTransformer | FactorizedDenoiser
    try:
        if base is None:
            network = DiffusionTransformer(checkpoint.shapes, action_dim, checkpoint.network)
            network.load_state_dict(checkpoint.tensors())
        else:
            base_network = DiffusionTransformer(base.shapes, action_dim, base.network)
            network = FactorizedDenoiser(
                base_network,
                checkpoint.shapes,
                action_dim,
                checkpoint.network,
                composition=checkpoint.card["composition"],
            )
            base_state = {f"base.{name}": value for name, value in base.tensors().items()}
            network.load_state_dict({**base_state, **checkpoint.tensors()})
    except (RuntimeError, KeyError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"the weights in {checkpoint.path} do not fit their card: {first_line}"
        ) from None
    return network.to(device).eval().requires_grad_(False)


class ChunkSampler:
    """Samples action chunks: conditions encoded once a chunk, then the reverse process."""

    def __init__(
        self, denoiser: Denoiser, checkpoint: Checkpoint, config: SamplerConfig, device: str
    ) -> None:
        self.denoiser, self.device = denoiser, device
        self.sampler = Sampler(config, NoiseSchedule(checkpoint.diffusion))
        self.normalizer = TensorNormalizer(checkpoint.normalizer, device)
        self.network = checkpoint.network
        self.keys = tuple(checkpoint.shapes)
        self.noise_shape = (
            self.sampler.noise_draws,
            self.network.horizon,
            int(checkpoint.card["action_dim"]),
        )

    @torch.inference_mode()
    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Sample a chunk for each row.

        Args:
            observation: Key -> array, shape (B, n_obs_steps, ...).
            noise: Standard normal noise, shape (B, *noise_shape).

        Returns:
            Actions, shape (B, n_action_steps, A), float32, in [-1, 1].
        """
        prepared = prepare_observation(
            observation, self.keys, self.normalizer, self.network.crop_size, self.device
        )
        codes = self.denoiser.encode(prepared)
        chunk = self.sampler.sample(
            lambda actions, step: self.denoiser.predict_noise(actions, step, codes),
            torch.as_tensor(noise, device=self.device),
        )
        actions = self.normalizer.denormalize_actions(chunk[:, : self.network.n_action_steps])
        return actions.cpu().numpy().astype(np.float32, copy=False)

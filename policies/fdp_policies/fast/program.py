"""From raw observations and noise to actions: the whole of a chunk as one function of tensors."""

from collections.abc import Mapping
from typing import TypeGuard

import torch
from torch import Tensor

from fdp_policies.config import NetworkConfig
from fdp_policies.denoisers import DiffusionTransformer, FactorizedDenoiser, SingleDenoiser
from fdp_policies.diffusion import Sampler
from fdp_policies.fast.observation import StackedEncoder
from fdp_policies.fast.trunk import StackedTrunk, streams_of
from fdp_policies.normalizer import TensorNormalizer
from fdp_policies.unet_denoisers import DiffusionUnet, FactorizedUnet


class ChunkProgram:
    """Samples action chunks with a loaded denoiser; the weights are copied when it is built.

    It takes no decision by a tensor's values, so that it can be captured in a CUDA graph.
    """

    def __init__(
        self,
        denoiser: DiffusionTransformer | FactorizedDenoiser,
        sampler: Sampler,
        normalizer: TensorNormalizer,
        network: NetworkConfig,
    ) -> None:
        """Arrange the weights.

        Args:
            denoiser: A denoiser that `can_stack` accepts.
            sampler: The reverse process.
            normalizer: The checkpoint's normalizer, on the denoiser's device.
            network: Shape of the denoiser's networks.
        """
        self._sampler, self._normalizer, self._network = sampler, normalizer, network
        with torch.no_grad():
            self._encode = StackedEncoder(streams_of(denoiser), normalizer, network)
            self._trunk = StackedTrunk(denoiser, sampler.steps)

    @torch.inference_mode()
    def __call__(self, observation: Mapping[str, Tensor], noise: Tensor) -> Tensor:
        """Sample a chunk for each row.

        Args:
            observation: Key -> raw values, shape (B, n_obs_steps, ...), on the denoiser's device.
            noise: Standard normal noise, shape (B, noise_draws, T, A), there too.

        Returns:
            Actions, shape (B, n_action_steps, A), in [-1, 1].
        """
        modulations = self._trunk.modulations(self._encode(observation))
        chunk = self._sampler.reverse(
            lambda actions, index: self._trunk.predict_noise(actions, modulations[index]), noise
        )
        return self._normalizer.denormalize_actions(chunk[:, : self._network.n_action_steps])


class EncodedProgram:
    """Samples action chunks with fast encoders in front of the plain network: for U-Nets.

    Args of the constructor are those of `ChunkProgram`.
    """

    def __init__(
        self,
        denoiser: DiffusionUnet | FactorizedUnet,
        sampler: Sampler,
        normalizer: TensorNormalizer,
        network: NetworkConfig,
    ) -> None:
        self._denoiser, self._sampler = denoiser, sampler
        streams = [denoiser.base, denoiser.residual] if isinstance(denoiser, FactorizedUnet) else [denoiser]
        self._normalizer, self._network = normalizer, network
        with torch.no_grad():
            self._encode = StackedEncoder(streams, normalizer, network)

    @torch.inference_mode()
    def __call__(self, observation: Mapping[str, Tensor], noise: Tensor) -> Tensor:
        """Sample a chunk for each row; see `ChunkProgram`."""
        codes = tuple(self._encode(observation).unbind(0))
        chunk = self._sampler.sample(
            lambda actions, step: self._denoiser.predict_noise(actions, step, codes), noise
        )
        return self._normalizer.denormalize_actions(chunk[:, : self._network.n_action_steps])


def can_stack(
    denoiser: SingleDenoiser | FactorizedDenoiser | FactorizedUnet,
) -> TypeGuard[DiffusionTransformer | FactorizedDenoiser]:
    """Whether a denoiser's networks are transformers of one shape, as all are of the DiT's that this package trains."""
    if not isinstance(denoiser, DiffusionTransformer | FactorizedDenoiser):
        return False
    shapes = [
        {
            name: value.shape
            for name, value in stream.trunk.state_dict().items()
            if not name.startswith("head.")
        }
        for stream in streams_of(denoiser)
    ]
    heads = {block.heads for stream in streams_of(denoiser) for block in stream.trunk.blocks}
    return all(shape == shapes[0] for shape in shapes) and len(heads) == 1

"""From raw observations and noise to actions: the whole of a chunk as one function of tensors."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from fdp_policies.config import NetworkConfig
from fdp_policies.diffusion import Sampler
from fdp_policies.fast.observation import StackedEncoder
from fdp_policies.fast.trunk import StackedTrunk, streams_of
from fdp_policies.networks.backbones import Network
from fdp_policies.networks.denoisers import Codes, DiffusionTransformer, Predict, prediction_at
from fdp_policies.networks.mixtures import Mixture
from fdp_policies.networks.normalizer import TensorNormalizer
from fdp_policies.networks.unet_denoisers import DiffusionUnet


class Program(ABC):
    """Samples action chunks with a loaded denoiser; the weights are copied when it is built.

    It takes no decision by a tensor's values, so that it can be captured in a CUDA graph.
    """

    def __init__(
        self,
        denoiser: Network,
        sampler: Sampler,
        normalizer: TensorNormalizer,
        network: NetworkConfig,
    ) -> None:
        """Arrange the weights.

        Args:
            denoiser: The denoiser.
            sampler: The reverse process.
            normalizer: The checkpoint's normalizer, on the denoiser's device.
            network: Shape of the denoiser's networks.
        """
        self._denoiser, self._sampler = denoiser, sampler
        self._normalizer, self._network = normalizer, network
        with torch.no_grad():
            self._encode = StackedEncoder(streams_of(denoiser), normalizer, network)
            self._arrange()

    @property
    def sampler(self) -> Sampler:
        """The reverse process."""
        return self._sampler

    @property
    def denoiser(self) -> Network:
        """The denoiser that it was built from."""
        return self._denoiser

    @torch.inference_mode()
    def __call__(self, observation: Mapping[str, Tensor], noise: Tensor) -> Tensor:
        """Sample a chunk for each row.

        Args:
            observation: Key -> raw values, shape (B, n_obs_steps, ...), on the denoiser's device.
            noise: Standard normal noise, shape (B, noise_draws, T, A), there too.

        Returns:
            Actions, shape (B, n_action_steps, A), in [-1, 1].
        """
        predict = self.prediction(self._encode(observation))
        return self.actions(
            self._sampler.reverse(lambda actions, index: predict(actions, index, None), noise)
        )

    def features(self, observation: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Features of each stream, key -> (B, feature_dim); see `__call__` for the observation."""
        return self._encode.features(observation)

    def codes(self, features: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """Codes of all streams, shape (S, B, W), from their features."""
        return self._encode.join(features)

    def actions(self, chunk: Tensor) -> Tensor:
        """The actions that are executed, (B, n_action_steps, A) in [-1, 1], of normalized ones (B, T, A)."""
        return self._normalizer.denormalize_actions(chunk[:, : self._network.n_action_steps])

    def _arrange(self) -> None:  # noqa: B027
        """Arrange what denoises, where that is not the denoiser itself."""

    @abstractmethod
    def prediction(self, codes: Tensor) -> Predict:
        """What predicts the noise, given the codes of all streams, shape (S, B, W)."""


class ChunkProgram(Program):
    """For a denoiser that `can_stack` accepts: all its transformers in one pass a step."""

    def _arrange(self) -> None:
        self._trunk = StackedTrunk(self._denoiser, self._sampler.steps)

    def prediction(self, codes: Tensor) -> Predict:
        """See `Program.prediction`."""
        modulations, weights = self._trunk.modulations(codes), None
        if isinstance(self._denoiser, Mixture):
            weights = self._denoiser.weights(tuple(codes.unbind(0))).T[:, :, None, None]
        return lambda actions, index, kept: self._trunk.predict_noise(
            actions, modulations[index], weights, kept
        )


class EncodedProgram(Program):
    """For U-Nets: fast encoders in front of the plain network."""

    def prediction(self, codes: Tensor) -> Predict:
        """See `Program.prediction`."""
        given: Codes = tuple(codes.unbind(0))
        if isinstance(self._denoiser, Mixture):
            given = self._denoiser.weighted(given)
        return prediction_at(self._denoiser, self._sampler.steps, given)


def can_stack(denoiser: Network) -> bool:
    """Whether a denoiser's networks are transformers of one shape, as all are of the DiT's that this package trains."""
    streams = [stream for stream in streams_of(denoiser) if isinstance(stream, DiffusionTransformer)]
    if len(streams) < len(streams_of(denoiser)):
        return False
    shapes = [
        {
            name: value.shape
            for name, value in stream.trunk.state_dict().items()
            if not name.startswith("head.")
        }
        for stream in streams
    ]
    heads = {block.heads for stream in streams for block in stream.trunk.blocks}
    return all(shape == shapes[0] for shape in shapes) and len(heads) == 1


def can_encode(denoiser: Network) -> bool:
    """Whether all of a denoiser's networks are U-Nets, for `EncodedProgram`."""
    return all(isinstance(stream, DiffusionUnet) for stream in streams_of(denoiser))

"""Raw observations to the codes of all streams."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from fdp_bench.api import IMAGE_PREFIX
from fdp_policies.config import NetworkConfig
from fdp_policies.fast.vision import StackedCnn
from fdp_policies.networks.encoders import CnnEncoder, ObservationEncoder, module_name
from fdp_policies.networks.normalizer import TensorNormalizer, center_crop, normalize_image, stack_frames


class Encoding(Protocol):
    """A network with an encoder."""

    encoder: ObservationEncoder


class StackedEncoder:
    """The observation encoders of several streams; see `fdp_policies.networks.encoders.ObservationEncoder`.

    Cameras read by convolutions go through `StackedCnn`; all else through the plain modules.
    """

    def __init__(
        self, streams: Sequence[Encoding], normalizer: TensorNormalizer, network: NetworkConfig
    ) -> None:
        self._encoders = [stream.encoder for stream in streams]
        self._normalizer, self._crop_size = normalizer, network.crop_size
        self._readers: dict[str, list[int]] = {}
        for index, encoder in enumerate(self._encoders):
            for key in encoder.keys:
                self._readers.setdefault(key, []).append(index)
        self._cameras = {}
        for key, readers in self._readers.items():
            modules = [self._encoders[index].encoders[module_name(key)] for index in readers]
            convolutional = [module for module in modules if isinstance(module, CnnEncoder)]
            if convolutional:
                self._cameras[key] = StackedCnn(convolutional, network.n_obs_steps, network.crop_size)

    def __call__(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Encode raw observations, key -> (B, n_obs_steps, ...), to codes (S, B, W)."""
        return self.join(self.features(observation))

    def features(self, observation: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Features of each stream, key -> (B, feature_dim)."""
        features: list[dict[str, Tensor]] = [{} for _ in self._encoders]
        for key, readers in self._readers.items():
            for index, encoded in zip(readers, self._encode(key, readers, observation[key]), strict=True):
                features[index][key] = encoded
        return features

    def join(self, features: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """Codes of all streams, shape (S, B, W), from what `features` returned."""
        codes = [encoder.join(parts) for encoder, parts in zip(self._encoders, features, strict=True)]
        return torch.stack(codes)

    def _encode(self, key: str, readers: Sequence[int], values: Tensor) -> Sequence[Tensor]:
        """Features, shape (B, feature_dim), of one key for each stream that reads it."""
        if key in self._cameras:
            return self._cameras[key](values).unbind(0)
        if key.startswith(IMAGE_PREFIX):
            values = normalize_image(stack_frames(center_crop(values, self._crop_size)))
        else:
            values = self._normalizer.vector(key, values.float())
        return [self._encoders[index].encoders[module_name(key)](values) for index in readers]

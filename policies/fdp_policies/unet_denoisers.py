"""Denoisers on U-Nets: one alone, conditioned on all that it reads."""

from collections.abc import Mapping

from fdp_policies.config import NetworkConfig
from fdp_policies.denoisers import SingleDenoiser
from fdp_policies.encoders import ObservationEncoder
from fdp_policies.unet import ConditionalUnet


class DiffusionUnet(SingleDenoiser):
    """A `SingleDenoiser` whose trunk is a U-Net; the encoders are those of `DiffusionTransformer`."""

    trunk: ConditionalUnet

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(shapes, config)
        self.trunk = ConditionalUnet(action_dim, config)

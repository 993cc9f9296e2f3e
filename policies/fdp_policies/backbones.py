"""Which network a configuration asks for: `NetworkConfig.backbone` to classes."""

from collections.abc import Mapping

from fdp_policies.config import NetworkConfig
from fdp_policies.denoisers import DiffusionTransformer, SingleDenoiser
from fdp_policies.unet_denoisers import DiffusionUnet


def make_single(
    shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig
) -> SingleDenoiser:
    """Make a network of random weights that reads all of `shapes` jointly.

    Args:
        shapes: Observation key -> shape of one observation.
        action_dim: Numbers in one action.
        config: The network's shape; its backbone says which network it is.
    """
    if config.backbone == "unet":
        return DiffusionUnet(shapes, action_dim, config)
    return DiffusionTransformer(shapes, action_dim, config)

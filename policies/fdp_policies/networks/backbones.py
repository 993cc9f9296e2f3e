"""Which network a configuration asks for: `NetworkConfig.backbone` to classes."""

from collections.abc import Mapping, Sequence
from typing import Any

from fdp_policies.config import NetworkConfig
from fdp_policies.networks.bc_network import ActionRegressor
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser, SingleDenoiser
from fdp_policies.networks.mixtures import Consensus, Mixture, WeightedSum
from fdp_policies.networks.unet_denoisers import DiffusionUnet, FactorizedUnet

Factorized = FactorizedDenoiser | FactorizedUnet
#: Whatever samplers denoise by.
Network = SingleDenoiser | Factorized | Mixture


def make_network(
    shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig
) -> SingleDenoiser | ActionRegressor:
    """`make_single`, or the network that regresses."""
    if config.backbone == "mlp":
        return ActionRegressor(shapes, action_dim, config)
    return make_single(shapes, action_dim, config)


def make_single(
    shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig
) -> SingleDenoiser:
    """Make a denoiser of random weights that reads all of `shapes` jointly.

    Args:
        shapes: Observation key -> shape of one observation.
        action_dim: Numbers in one action.
        config: The network's shape; its backbone says which network it is.
    """
    if config.backbone == "unet":
        return DiffusionUnet(shapes, action_dim, config)
    return DiffusionTransformer(shapes, action_dim, config)


def make_factorized(
    base: SingleDenoiser,
    shapes: Mapping[str, tuple[int, ...]],
    action_dim: int,
    config: NetworkConfig,
    *,
    composition: str = "block",
    zero_init: bool = True,
) -> Factorized:
    """Join a base with a residual of random weights.

    Args:
        base: What `make_single` made of the same configuration, for the prioritized senses.
        shapes: Observation key -> shape, of all that the residual reads.
        action_dim: Numbers in one action.
        config: The networks' shape.
        composition: ``"block"`` or ``"score"``.
        zero_init: Whether what joins them starts at zero.
    """
    kind: Any = FactorizedUnet if config.backbone == "unet" else FactorizedDenoiser
    made: Factorized = kind(base, shapes, action_dim, config, composition=composition, zero_init=zero_init)
    return made


def make_mixture(experts: Sequence[SingleDenoiser], composition: str) -> Mixture:
    """Join experts that were trained apart.

    Args:
        experts: What `make_single` made of each one's senses.
        composition: One of `fdp_policies.config.MIXTURES`.
    """
    return WeightedSum(experts) if composition == "weighted" else Consensus(experts)

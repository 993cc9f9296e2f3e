"""Denoisers on U-Nets: one alone, and FDP's composition of a frozen base with a residual."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from fdp_policies.config import NetworkConfig
from fdp_policies.networks.denoisers import Codes, FactorizedNetwork, SingleDenoiser, where_kept
from fdp_policies.networks.encoders import ObservationEncoder
from fdp_policies.networks.unet import ConditionalUnet


class DiffusionUnet(SingleDenoiser):
    """A `SingleDenoiser` whose trunk is a U-Net; the encoders are those of `DiffusionTransformer`."""

    trunk: ConditionalUnet

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(shapes, config)
        self.trunk = ConditionalUnet(action_dim, config)


class FactorizedUnet(FactorizedNetwork):
    r"""FDP on U-Nets.

    What `FactorizedDenoiser` does between blocks of a transformer happens here between stages of a U-Net: behind
    each stage i,

    .. math:: h^b_i = B_i(h^b_{i-1}, s^b) + Z_i * h^r_i, \qquad h^r_i = R_i(h^r_{i-1}, s^r),

    with zero-initialized 1x1 convolutions Z over the chunk; what a stage keeps for the way up, s, is the corrected
    stream. The base's head reads the last one. With ``composition="score"`` the residual's last convolution starts at
    zero.
    """

    base: DiffusionUnet
    residual: DiffusionUnet

    def _make_residual(
        self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig
    ) -> DiffusionUnet:
        return DiffusionUnet(shapes, action_dim, config)

    def _make_joints(self, config: NetworkConfig, *, zero_init: bool) -> Iterable[nn.Module]:
        del config
        widths = self.base.trunk.widths
        return (zero_convolution(width) if zero_init else nn.Conv1d(width, width, 1) for width in widths)

    def _silence_residual(self) -> None:
        set_zero(self.residual.trunk.head[-1])

    def _predict_joined(
        self, noisy_actions: Tensor, step: Tensor, codes: Codes, kept: Tensor | None
    ) -> Tensor:
        base, residual = self.base.trunk, self.residual.trunk
        base_condition = base.condition(step, codes[0])
        residual_condition = residual.condition(step, codes[1])
        base_features, residual_features = base.embed(noisy_actions), residual.embed(noisy_actions)
        base_skipped: list[Tensor] = []
        residual_skipped: list[Tensor] = []
        for index, zero in enumerate(self.zero_layers):
            residual_features = residual.advance(
                index, residual_features, residual_skipped, residual_condition
            )
            base_features = base.advance(index, base_features, base_skipped, base_condition)
            base_features = base_features + where_kept(zero(residual_features), kept)
            base.keep(index, base_features, base_skipped)
            residual.keep(index, residual_features, residual_skipped)
        return base.leave(base_features)


def zero_convolution(channels: int) -> nn.Conv1d:
    """A 1x1 convolution over time whose weight and bias are zero."""
    layer = nn.Conv1d(channels, channels, 1)
    set_zero(layer)
    return layer


def set_zero(layer: nn.Module) -> None:
    """Set all parameters to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)

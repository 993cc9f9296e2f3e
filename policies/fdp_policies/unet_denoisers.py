"""Denoisers on U-Nets: one alone, and FDP's composition of a frozen base with a residual."""

from collections.abc import Mapping

from torch import Tensor, nn

from fdp_policies.config import NetworkConfig
from fdp_policies.denoisers import Codes, SingleDenoiser
from fdp_policies.encoders import ObservationEncoder
from fdp_policies.unet import ConditionalUnet


class DiffusionUnet(SingleDenoiser):
    """A `SingleDenoiser` whose trunk is a U-Net; the encoders are those of `DiffusionTransformer`."""

    trunk: ConditionalUnet

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(shapes, config)
        self.trunk = ConditionalUnet(action_dim, config)


class FactorizedUnet(nn.Module):
    r"""FDP (arXiv 2509.16830) on U-Nets: a base on the prioritized modalities and a residual on all.

    What `FactorizedDenoiser` does between blocks of a transformer happens here between stages of a U-Net: behind
    each stage i,

    .. math:: h^b_i = B_i(h^b_{i-1}, s^b) + Z_i * h^r_i, \qquad h^r_i = R_i(h^r_{i-1}, s^r),

    with zero-initialized 1x1 convolutions Z over the chunk; what a stage keeps for the way up, s, is the corrected
    stream. The base's head reads the last one. With ``composition="score"`` there is no Z: the noise predictions are
    summed once, and the residual's last convolution starts at zero instead. Either way the composition equals the
    base bit for bit before training, unless an ablation asks for Z without zeros.
    """

    def __init__(
        self,
        base: DiffusionUnet,
        shapes: Mapping[str, tuple[int, ...]],
        action_dim: int,
        config: NetworkConfig,
        *,
        composition: str = "block",
        zero_init: bool = True,
    ) -> None:
        super().__init__()
        self.base = base
        self.composition = composition
        self.residual = DiffusionUnet(shapes, action_dim, config)
        if composition == "block":
            self.zero_layers = nn.ModuleList(
                zero_convolution(width) if zero_init else nn.Conv1d(width, width, 1)
                for width in base.trunk.widths
            )
            # The composition leaves by the base's head; a second one would be dead weight.
            self.residual.trunk.head = None  # type: ignore[assignment]
        elif zero_init:
            set_zero(self.residual.trunk.head[-1])

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """Encode normalized observations to (base code, residual code), each (B, W)."""
        return (*self.base.encode(observation), *self.residual.encode(observation))

    def predict_noise(self, noisy_actions: Tensor, step: Tensor, codes: Codes) -> Tensor:
        """Predict the noise in (B, T, A) at diffusion steps (B,)."""
        base, residual = self.base.trunk, self.residual.trunk
        if self.composition == "score":
            summed: Tensor = base(noisy_actions, step, codes[0]) + residual(noisy_actions, step, codes[1])
            return summed
        base_condition, residual_condition = (
            base.condition(step, codes[0]),
            residual.condition(step, codes[1]),
        )
        base_features, residual_features = base.embed(noisy_actions), residual.embed(noisy_actions)
        base_skipped: list[Tensor] = []
        residual_skipped: list[Tensor] = []
        for index, zero in enumerate(self.zero_layers):
            residual_features = residual.advance(
                index, residual_features, residual_skipped, residual_condition
            )
            base_features = base.advance(index, base_features, base_skipped, base_condition)
            base_features = base_features + zero(residual_features)
            base.keep(index, base_features, base_skipped)
            residual.keep(index, residual_features, residual_skipped)
        return base.leave(base_features)

    def trainable_state(self) -> dict[str, Tensor]:
        """The residual's and Z's weights: all but the base's."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("base.")}


def zero_convolution(channels: int) -> nn.Conv1d:
    """A 1x1 convolution over time whose weight and bias are zero."""
    layer = nn.Conv1d(channels, channels, 1)
    set_zero(layer)
    return layer


def set_zero(layer: nn.Module) -> None:
    """Set all parameters to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)

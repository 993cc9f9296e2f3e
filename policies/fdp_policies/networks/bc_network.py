"""The network of ``bc``: plain regression of action chunks."""

from collections.abc import Mapping

from torch import Tensor, nn

from fdp_policies.config import NetworkConfig
from fdp_policies.networks.denoisers import Codes
from fdp_policies.networks.encoders import ObservationEncoder


class ActionRegressor(nn.Module):
    """Encoders as every policy here has them, and a perceptron from their code to the chunk."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], action_dim: int, config: NetworkConfig) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(shapes, config)
        hidden = 4 * config.width
        self.trunk = nn.Sequential(
            nn.SiLU(),
            nn.Linear(config.width, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, config.horizon * action_dim),
            nn.Unflatten(1, (config.horizon, action_dim)),
        )

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """Encode normalized observations to one code, (B, W)."""
        return (self.encoder(observation),)

    def predict_actions(self, codes: Codes) -> Tensor:
        """Map a code (B, W) to normalized actions (B, T, A)."""
        actions: Tensor = self.trunk(codes[0])
        return actions

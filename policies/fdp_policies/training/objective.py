"""What a training minimizes, and what it measures on held-out demonstrations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from fdp_policies.config import NetworkConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.bc_network import ActionRegressor
from fdp_policies.training.data import Batch
from fdp_policies.training.losses import NoiseDraws, WindowErrors, noise_errors, noise_prediction_loss

#: Maps a network, a batch, the forward process, a weight for each diffusion step and draws to a scalar.
Loss = Callable[[Any, Batch, NoiseSchedule, Tensor, NoiseDraws], Tensor]


@dataclass(frozen=True)
class Objective:
    """A loss and its unweighted counterpart.

    Attributes:
        name: What is measured, in words.
        loss: What is minimized.
        errors: Error of each held-out window.
    """

    name: str
    loss: Loss
    errors: WindowErrors


def action_errors(
    network: ActionRegressor, batch: Batch, schedule: NoiseSchedule, drawn: NoiseDraws
) -> Tensor:
    """Squared error of the normalized actions of each window, shape (B,); draws mean nothing to it."""
    del schedule, drawn
    predicted = network.predict_actions(network.encode(batch.observation))
    return (predicted.float() - batch.actions).square().mean(dim=(1, 2))


def regression_loss(
    network: ActionRegressor, batch: Batch, schedule: NoiseSchedule, weight: Tensor, drawn: NoiseDraws
) -> Tensor:
    """Mean squared error of the normalized actions."""
    del weight
    return action_errors(network, batch, schedule, drawn).mean()


NOISE_PREDICTION = Objective("squared noise-prediction error", noise_prediction_loss, noise_errors)
REGRESSION = Objective("squared error of the actions", regression_loss, action_errors)


def objective_of(network: NetworkConfig) -> Objective:
    """The objective of a network: noise prediction for all that denoise."""
    return REGRESSION if network.backbone == "mlp" else NOISE_PREDICTION

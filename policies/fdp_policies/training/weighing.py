"""Weights of experts: found on held-out demonstrations, and told of afterwards."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fdp_policies.networks.denoisers import Denoiser
from fdp_policies.networks.mixtures import Mixture
from fdp_policies.training.losses import HeldOut, noise_residuals

Floats = npt.NDArray[np.float64]


@torch.no_grad()
def residual_products(
    experts: Sequence[Denoiser], held_out: HeldOut, keys: Sequence[str], loss_weight: Tensor
) -> Floats:
    """What the errors of each two experts have in common: mean products of their residuals.

    With weights w that sum to one the weighted sum of predictions errs by the weighted sum of residuals, so its mean
    squared error is w^T G w.

    Args:
        experts: Denoisers.
        held_out: Windows with fixed diffusion steps and noise.
        keys: Observation keys that the experts read, all together.
        loss_weight: Weight of each diffusion step, shape (training_steps,).

    Returns:
        G, shape (E, E), positive semidefinite.
    """
    products = torch.zeros(len(experts), len(experts), dtype=torch.float64)
    for batch, drawn in held_out.batches(keys):
        residuals = torch.stack(
            [noise_residuals(expert, batch, held_out.schedule, drawn).flatten(1) for expert in experts]
        ).double()
        weighted = residuals * loss_weight[drawn.step].double()[:, None]
        products += torch.einsum("irk,jrk->ij", weighted, residuals).cpu()
    numbers: Floats = (products / held_out.noise.numel()).numpy()
    return numbers


def weights_on_simplex(products: Floats) -> Floats:
    """Weights, none negative and one in sum, that minimize w^T G w.

    The problem is given to non-negative least squares (Lawson and Hanson 1974, as scipy has it): for any direction u
    that sums to one the best length of s u under s^2 u^T G u + (s - 1)^2 leaves 1 - 1 / (1 + u^T G u), which grows
    with u^T G u; so the best direction is that of the constrained problem, and dividing by the sum gives its length.

    Args:
        products: G, shape (E, E), positive semidefinite.

    Returns:
        Shape (E,).
    """
    from scipy.optimize import nnls

    scaled = products / (float(np.trace(products)) or 1.0)
    powers, axes = np.linalg.eigh(scaled)
    root = np.sqrt(powers.clip(0))[:, None] * axes.T
    ones = np.ones(len(products))
    solved, _ = nnls(np.vstack([root, ones]), np.append(np.zeros(len(products)), 1.0))
    weights: Floats = solved / solved.sum()
    return weights


@torch.no_grad()
def weight_spread(
    mixture: Mixture, held_out: HeldOut, keys: Sequence[str]
) -> list[tuple[float, float, float]]:
    """(5th percentile, mean, 95th percentile) of each expert's weight over the held-out windows."""
    rows = [mixture.encode(batch.observation)[-1].double().cpu() for batch, _ in held_out.batches(keys)]
    weights = torch.cat(rows).numpy()
    low, high = np.quantile(weights, [0.05, 0.95], axis=0)
    return [tuple(map(float, triple)) for triple in zip(low, weights.mean(0), high, strict=True)]  # type: ignore[misc]

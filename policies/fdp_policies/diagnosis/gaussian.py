"""A linear-Gaussian world of action, base sense and secondary sense, whose diffused scores are known in closed form."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """Draws of the world, each of shape (B, 2): action, base sense, secondary sense."""

    action: Tensor
    base: Tensor
    secondary: Tensor


class GaussianWorld:
    r"""Base sense b, secondary sense s and action a are jointly Gaussian.

    .. math:: b \sim N(0, I), \quad s = C b + N(0, I), \quad a = W_b b + W_s s + N(0, \sigma^2 I)

    The noisy action at cumulative signal power :math:`\bar\alpha` is :math:`x = \sqrt{\bar\alpha}\, a +
    \sqrt{1 - \bar\alpha}\, \epsilon`. Given b, or b and s, it is Gaussian, and so is s given x and b; the three scores
    below are the gradients of those log densities with respect to x, each written down from its own density.
    """

    dim = 2
    #: Spread of the action that neither sense explains.
    sigma = 0.3

    def __init__(self) -> None:
        self.base_to_secondary = torch.tensor([[0.0, 0.3], [0.2, 0.0]])
        self.base_to_action = torch.tensor([[0.5, -0.3], [0.2, 0.4]])
        self.secondary_to_action = torch.tensor([[0.4, 0.2], [-0.3, 0.5]])

    def draw(self, count: int, generator: torch.Generator) -> Sample:
        """Draw from the joint distribution."""
        base, own, rest = torch.randn(3, count, self.dim, generator=generator)
        secondary = base @ self.base_to_secondary.T + own
        action = base @ self.base_to_action.T + secondary @ self.secondary_to_action.T + self.sigma * rest
        return Sample(action, base, secondary)

    def base_score(self, noisy: Tensor, signal_power: Tensor, base: Tensor) -> Tensor:
        """Gradient of log p(x | b) for noisy actions (B, 2) at cumulative signal powers (B,)."""
        power = signal_power[:, None, None]
        away = noisy - signal_power.sqrt()[:, None] * self._mean_given_base(base)
        return -_solve(self._covariance_given_base(power), away)

    def joint_score(self, noisy: Tensor, signal_power: Tensor, base: Tensor, secondary: Tensor) -> Tensor:
        """Gradient of log p(x | b, s)."""
        mean = base @ self.base_to_action.T + secondary @ self.secondary_to_action.T
        away = noisy - signal_power.sqrt()[:, None] * mean
        return -away / (signal_power * self.sigma**2 + 1 - signal_power)[:, None]

    def likelihood_score(
        self, noisy: Tensor, signal_power: Tensor, base: Tensor, secondary: Tensor
    ) -> Tensor:
        r"""Gradient of log p(s | x, b), by conditioning s on x; nothing is subtracted.

        Given b, x and s have the cross covariance :math:`\sqrt{\bar\alpha} W_s`, so s given x and b has the mean
        :math:`C b + G (x - E[x | b])` with :math:`G = \sqrt{\bar\alpha} W_s^T K^{-1}` and the covariance :math:`V = I -
        G \sqrt{\bar\alpha} W_s`; the gradient is :math:`G^T V^{-1} (s - E[s | x, b])`.
        """
        cross = signal_power.sqrt()[:, None, None] * self.secondary_to_action
        gain = cross.mT @ torch.linalg.inv(self._covariance_given_base(signal_power[:, None, None]))
        away = noisy - signal_power.sqrt()[:, None] * self._mean_given_base(base)
        mean = base @ self.base_to_secondary.T + (gain @ away[..., None])[..., 0]
        spread = torch.eye(self.dim) - gain @ cross
        score: Tensor = (gain.mT @ _solve(spread, secondary - mean)[..., None])[..., 0]
        return score

    def _mean_given_base(self, base: Tensor) -> Tensor:
        total = self.base_to_action + self.secondary_to_action @ self.base_to_secondary
        return base @ total.T

    def _covariance_given_base(self, power: Tensor) -> Tensor:
        identity = torch.eye(self.dim)
        clean = self.secondary_to_action @ self.secondary_to_action.T + self.sigma**2 * identity
        return power * clean + (1 - power) * identity


def _solve(matrix: Tensor, vector: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.solve(matrix, vector[..., None])[..., 0]
    return solution

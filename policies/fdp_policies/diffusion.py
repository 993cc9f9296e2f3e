"""The forward noising process, its loss weights, and DDPM and DDIM sampling."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fdp_policies.config import DiffusionConfig, SamplerConfig


def cosine_alphas_cumprod(training_steps: int) -> Tensor:
    """Cumulative signal power of the cosine schedule (Nichol and Dhariwal 2021, eq. 17), betas capped at 0.999.

    Returns:
        Shape (training_steps,), float32, falling from about 1 to about 0.
    """
    time = np.arange(training_steps + 1) / training_steps
    signal = np.cos((time + 0.008) / 1.008 * np.pi / 2) ** 2
    betas = np.minimum(1 - signal[1:] / signal[:-1], 0.999)
    # float32 throughout, so that the values are those of diffusers' schedulers.
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float32), dim=0)


class NoiseSchedule:
    """Tensors of the forward process, made once."""

    def __init__(self, config: DiffusionConfig, device: str | torch.device = "cpu") -> None:
        self.config = config
        self.alphas_cumprod = cosine_alphas_cumprod(config.training_steps).to(device)
        self.signal_rate = self.alphas_cumprod.sqrt()
        self.noise_rate = (1 - self.alphas_cumprod).sqrt()

    def add_noise(self, actions: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Noise normalized actions (B, T, A) to diffusion steps (B,)."""
        signal, rate = self.signal_rate[step, None, None], self.noise_rate[step, None, None]
        return signal * actions + rate * noise

    def loss_weight(self, kind: str, gamma: float) -> Tensor:
        """Weight of the noise-prediction error at each diffusion step, shape (training_steps,).

        ``"plain"`` is one everywhere; ``"min-snr"`` is min(SNR, gamma) / SNR (Hang et al. 2023), which keeps the
        low-noise steps, where the observation says least, from owning the loss.
        """
        if kind == "plain":
            return torch.ones_like(self.alphas_cumprod)
        snr = self.alphas_cumprod / (1 - self.alphas_cumprod)
        return snr.clamp(max=gamma) / snr


def trailing_steps(training_steps: int, denoising_steps: int) -> list[int]:
    """Diffusion steps visited by a sampler, from the noisiest down ("trailing" spacing, Lin et al. 2024)."""
    spaced = np.round(np.arange(training_steps, 0, -training_steps / denoising_steps)) - 1
    return [int(step) for step in spaced[:denoising_steps]]


class Sampler:
    """Composed reverse diffusion over an action chunk.

    DDIM (Song et al. 2021, eta = 0) consumes one draw of noise; DDPM (Ho et al. 2020) one more for every step but
    the last, so `noise_draws` draws in all.
    """

    def __init__(self, config: SamplerConfig, schedule: NoiseSchedule) -> None:
        self.config = config
        self.steps = trailing_steps(schedule.config.training_steps, config.denoising_steps)
        self.clip = schedule.config.clip_sample
        alphas = schedule.alphas_cumprod
        self.alpha: list[float] = [float(alphas[step]) for step in self.steps]
        self.alpha_next: list[float] = [*self.alpha[1:], 1.0]

    @property
    def noise_draws(self) -> int:
        """Draws of standard normal noise that one sample consumes."""
        return 1 if self.config.sampler == "ddim" else len(self.steps)

    def sample(self, predict_noise: Callable[[Tensor, Tensor], Tensor], noise: Tensor) -> Tensor:
        """Denoise to normalized actions.

        Args:
            predict_noise: Maps noisy actions (B, T, A) and diffusion steps (B,) to predicted noise (B, T, A).
            noise: Standard normal noise, shape (B, noise_draws, T, A).

        Returns:
            Normalized actions, shape (B, T, A), in [-clip, clip].
        """
        actions = noise[:, 0]
        for index, step in enumerate(self.steps):
            predicted = predict_noise(actions, torch.full((len(actions),), step, device=actions.device))
            actions = self._previous(actions, predicted, index, noise)
        return actions

    def _previous(self, actions: Tensor, predicted: Tensor, index: int, noise: Tensor) -> Tensor:
        alpha, alpha_next = self.alpha[index], self.alpha_next[index]
        clean = (actions - math.sqrt(1 - alpha) * predicted) / math.sqrt(alpha)
        clean = clean.clamp(-self.clip, self.clip)
        if self.config.sampler == "ddim":
            return math.sqrt(alpha_next) * clean + math.sqrt(1 - alpha_next) * predicted
        # Posterior mean and variance of q(x_s | x_t, x_0), DDPM eq. 7, between the steps actually visited.
        alpha_step = alpha / alpha_next
        mean = (
            math.sqrt(alpha_next) * (1 - alpha_step) * clean
            + math.sqrt(alpha_step) * (1 - alpha_next) * actions
        ) / (1 - alpha)
        if index + 1 == len(self.steps):
            return mean
        variance = max((1 - alpha_next) / (1 - alpha) * (1 - alpha_step), 1e-20)
        return mean + math.sqrt(variance) * noise[:, index + 1]

"""The forward noising process, its loss weights, and DDPM and DDIM sampling."""

import math
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class ReverseStep:
    """Coefficients of one step of the reverse process, from diffusion step `step` to the next one visited.

    Attributes:
        step: Diffusion step that is left, counted from 0.
        noise_rate: Standard deviation of the noise in the present sample.
        signal_rate: Factor of the clean actions in the present sample.
        clean: Factor of the predicted clean actions in the next sample.
        predicted: Factor of the predicted noise in the next sample; 0 for DDPM.
        present: Factor of the present sample in the next one; 0 for DDIM.
        fresh: Standard deviation of the fresh noise in the next sample; 0 for DDIM and for the last step.
    """

    step: int
    noise_rate: float
    signal_rate: float
    clean: float
    predicted: float = 0.0
    present: float = 0.0
    fresh: float = 0.0


class Sampler:
    """Composed reverse diffusion over an action chunk; its coefficients are made once.

    DDIM (Song et al. 2021, eta = 0) consumes one draw of noise; DDPM (Ho et al. 2020) one more for every step but
    the last, so `noise_draws` draws in all.
    """

    def __init__(self, config: SamplerConfig, schedule: NoiseSchedule) -> None:
        self.config = config
        self.steps = trailing_steps(schedule.config.training_steps, config.denoising_steps)
        self.clip = schedule.config.clip_sample
        alphas = [float(schedule.alphas_cumprod[step]) for step in self.steps]
        coefficients = ddim_step if config.sampler == "ddim" else ddpm_step
        self.reverse_steps = tuple(
            coefficients(step, alpha, alpha_next)
            for step, alpha, alpha_next in zip(self.steps, alphas, [*alphas[1:], 1.0], strict=True)
        )

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

        def predict_at(actions: Tensor, index: int) -> Tensor:
            step = torch.full((len(actions),), self.steps[index], device=actions.device)
            return predict_noise(actions, step)

        return self.reverse(predict_at, noise)

    def reverse(self, predict_at: Callable[[Tensor, int], Tensor], noise: Tensor) -> Tensor:
        """Denoise by a prediction that knows the visited steps by their index.

        Args:
            predict_at: Maps noisy actions (B, T, A) and an index into `steps` to predicted noise (B, T, A).
            noise: Standard normal noise, shape (B, noise_draws, T, A).

        Returns:
            See `sample`.
        """
        actions = noise[:, 0]
        for index, step in enumerate(self.reverse_steps):
            predicted = predict_at(actions, index)
            # Products and sums stay apart: fused, they round differently in a vector's lanes and its remainder,
            # and a row's result would depend on its place in the batch.
            clean = (actions - step.noise_rate * predicted) / step.signal_rate
            following = step.clean * clean.clamp(-self.clip, self.clip)
            if step.predicted:
                following = following + step.predicted * predicted
            if step.present:
                following = following + step.present * actions
            if step.fresh:
                following = following + step.fresh * noise[:, index + 1]
            actions = following
        return actions


def ddim_step(step: int, alpha: float, alpha_next: float) -> ReverseStep:
    """Coefficients of DDIM (Song et al. 2021, eq. 12 with eta = 0) between cumulative signal powers."""
    return ReverseStep(
        step,
        noise_rate=math.sqrt(1 - alpha),
        signal_rate=math.sqrt(alpha),
        clean=math.sqrt(alpha_next),
        predicted=math.sqrt(1 - alpha_next),
    )


def ddpm_step(step: int, alpha: float, alpha_next: float) -> ReverseStep:
    """Coefficients of DDPM: mean and variance of q(x_s | x_t, x_0) (Ho et al. 2020, eq. 7) between visited steps."""
    alpha_step = alpha / alpha_next
    variance = max((1 - alpha_next) / (1 - alpha) * (1 - alpha_step), 1e-20)
    return ReverseStep(
        step,
        noise_rate=math.sqrt(1 - alpha),
        signal_rate=math.sqrt(alpha),
        clean=math.sqrt(alpha_next) * (1 - alpha_step) / (1 - alpha),
        present=math.sqrt(alpha_step) * (1 - alpha_next) / (1 - alpha),
        fresh=0.0 if alpha_next == 1.0 else math.sqrt(variance),
    )

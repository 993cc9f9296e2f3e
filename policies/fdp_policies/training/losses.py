"""The training loss, and what held-out demonstrations say: true, shuffled and masked senses."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fdp_bench.api import ModalityMap
from fdp_policies.config import TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.denoisers import Denoiser, repeat_codes
from fdp_policies.training.data import Batch, WindowDataset


@dataclass(frozen=True)
class NoiseDraws:
    """Diffusion steps and noise of one gradient step, several of each for every window.

    Attributes:
        step: Diffusion steps, shape (B * draws,).
        noise: Standard normal noise, shape (B * draws, horizon, A).
    """

    step: Tensor
    noise: Tensor


def draw_noise(
    actions: Tensor, draws: int, schedule: NoiseSchedule, generator: torch.Generator
) -> NoiseDraws:
    """Draw diffusion steps and noise for windows' actions (B, horizon, A), on the CPU whatever the device."""
    rows = len(actions) * draws
    step = torch.randint(len(schedule.alphas_cumprod), (rows,), generator=generator)
    noise = torch.randn((rows, *actions.shape[1:]), generator=generator)
    return NoiseDraws(step.to(actions.device), noise.to(actions.device))


def noise_prediction_loss(
    denoiser: Denoiser, batch: Batch, schedule: NoiseSchedule, weight: Tensor, drawn: NoiseDraws
) -> Tensor:
    """Weighted squared error of the predicted noise, several noise draws for each encoded observation.

    Args:
        denoiser: The network.
        batch: Normalized windows, B of them.
        schedule: The forward process.
        weight: Loss weight of each diffusion step, shape (training_steps,).
        drawn: Diffusion steps and noise, a whole number of them for each window.

    Returns:
        Scalar loss.
    """
    return (weight[drawn.step] * noise_errors(denoiser, batch, schedule, drawn)).mean()


def noise_errors(denoiser: Denoiser, batch: Batch, schedule: NoiseSchedule, drawn: NoiseDraws) -> Tensor:
    """Squared error of the predicted noise for each of the draws, shape (B * draws,); see `noise_prediction_loss`."""
    return noise_residuals(denoiser, batch, schedule, drawn).square().mean(dim=(1, 2))


def noise_residuals(denoiser: Denoiser, batch: Batch, schedule: NoiseSchedule, drawn: NoiseDraws) -> Tensor:
    """Predicted noise less the true one for each of the draws, shape (B * draws, horizon, A)."""
    draws = len(drawn.step) // len(batch.actions)
    actions = batch.actions.repeat_interleave(draws, dim=0)
    codes = repeat_codes(denoiser.encode(batch.observation), draws)
    predicted = denoiser.predict_noise(
        schedule.add_noise(actions, drawn.noise, drawn.step), drawn.step, codes
    )
    return predicted.float() - drawn.noise


@dataclass(frozen=True)
class SenseReport:
    """Losses on fixed held-out windows, steps and noise, weighted as `TrainingConfig.heldout_weight` says.

    Attributes:
        true: Mean loss.
        shuffled: Modality -> mean loss when that modality is taken from another demonstration at the same phase.
        masked: Modality -> mean loss when that modality is replaced by its normalized zero (mid-grey pictures).
        rise: Modality -> (low, mean, high): relative rise by shuffling, with a 95% bootstrap interval over the held-out
            demonstrations.
    """

    true: float
    shuffled: Mapping[str, float]
    masked: Mapping[str, float]
    rise: Mapping[str, tuple[float, float, float]]


#: Maps a network, a batch, the forward process and its draws to a squared error for each window.
WindowErrors = Callable[[Any, Batch, NoiseSchedule, NoiseDraws], Tensor]


class HeldOut:
    """Fixed held-out windows, diffusion steps and noise, so that losses over time and policies compare."""

    #: Windows encoded at once.
    chunk = 64

    def __init__(
        self,
        data: WindowDataset,
        demo_of_window: npt.NDArray[np.int64],
        config: TrainingConfig,
        schedule: NoiseSchedule,
        errors: WindowErrors = noise_errors,
    ) -> None:
        """Draw windows, diffusion steps and noise; equal data give equal draws.

        Args:
            data: Held-out windows, demonstration by demonstration.
            demo_of_window: Index of each window's demonstration, shape (N,).
            config: Says how many windows, and what their losses are weighted by.
            schedule: The forward process.
            errors: Error of each window; a weight counts for that of predicted noise alone.
        """
        self._window_errors = errors
        weighted = config.heldout_weight == "trained" and errors is noise_errors
        self._weight = schedule.loss_weight(config.loss_weight if weighted else "plain", config.min_snr_gamma)
        generator = torch.Generator().manual_seed(20_250_916)
        count = min(config.eval_windows, len(data))
        self.data, self.schedule = data, schedule
        self.windows = torch.randperm(len(data), generator=generator)[:count].sort().values.to(data.device)
        self.demo = demo_of_window[self.windows.cpu().numpy()]
        horizon, action_dim = data.executed.shape[1], data.actions.shape[1]
        self.noise = torch.randn(count, horizon, action_dim, generator=generator).to(data.device)
        spread = torch.arange(count) * len(schedule.alphas_cumprod) // count
        self.step = spread[torch.randperm(count, generator=generator)].to(data.device)
        partners = partners_of(demo_of_window, self.windows.cpu().numpy())
        self.partner = torch.from_numpy(partners).to(data.device)

    @property
    def demonstrations(self) -> int:
        """Held-out demonstrations that windows are of."""
        return len(np.unique(self.demo))

    def weighted(self, config: TrainingConfig) -> "HeldOut":
        """The same windows, steps and noise under the loss weight of another recipe."""
        other = copy.copy(self)
        if config.heldout_weight == "trained":
            other._weight = self.schedule.loss_weight(config.loss_weight, config.min_snr_gamma)
        return other

    def errors(
        self,
        denoiser: Denoiser,
        keys: Sequence[str],
        *,
        shuffle: Sequence[str] = (),
        mask: Sequence[str] = (),
    ) -> npt.NDArray[np.float64]:
        """Loss of each window, shape (N,), float64.

        Args:
            denoiser: The network.
            keys: Observation keys that it reads.
            shuffle: Keys taken from another demonstration at the same phase.
            mask: Keys replaced by zeros.
        """
        with torch.no_grad():
            parts = [
                (self._weight[drawn.step] * self._window_errors(denoiser, batch, self.schedule, drawn)).cpu()
                for batch, drawn in self.batches(keys, shuffle=shuffle, mask=mask)
            ]
        return torch.cat(parts).double().numpy()

    def batches(
        self, keys: Sequence[str], *, shuffle: Sequence[str] = (), mask: Sequence[str] = ()
    ) -> Iterator[tuple[Batch, NoiseDraws]]:
        """All windows in their order, `chunk` at a time, with their steps and noise; see `errors`."""
        for begin in range(0, len(self.windows), self.chunk):
            rows = slice(begin, begin + self.chunk)
            batch = self.data.batch(self.windows[rows], keys, None)
            other = self.data.batch(self.partner[rows], shuffle, None)
            zeros = {key: torch.zeros_like(batch.observation[key]) for key in mask}
            shown = Batch({**batch.observation, **other.observation, **zeros}, batch.actions)
            yield shown, NoiseDraws(self.step[rows], self.noise[rows])

    def senses(self, denoiser: Denoiser, keys: Sequence[str], modalities: ModalityMap) -> SenseReport:
        """Losses with true, shuffled and masked senses for each modality that the network reads."""
        true = self.errors(denoiser, keys)
        shuffled, masked, rise = {}, {}, {}
        for name, all_keys in modalities.items():
            own = [key for key in all_keys if key in keys]
            if own:
                errors = self.errors(denoiser, keys, shuffle=own)
                shuffled[name] = float(errors.mean())
                masked[name] = float(self.errors(denoiser, keys, mask=own).mean())
                rise[name] = self._rise(true, errors)
        return SenseReport(float(true.mean()), shuffled, masked, rise)

    def _rise(
        self, true: npt.NDArray[np.float64], shuffled: npt.NDArray[np.float64]
    ) -> tuple[float, float, float]:
        # Windows of one demonstration resemble each other, so whole demonstrations are resampled.
        demos = np.unique(self.demo)
        sums = np.array([[true[self.demo == d].sum(), shuffled[self.demo == d].sum()] for d in demos])
        rng = np.random.default_rng(0)
        picks = sums[rng.integers(len(demos), size=(2000, len(demos)))].sum(1)
        ratios = picks[:, 1] / picks[:, 0] - 1
        low, high = np.quantile(ratios, [0.025, 0.975])
        return float(low), float(shuffled.sum() / true.sum() - 1), float(high)


def partners_of(
    demo_of_window: npt.NDArray[np.int64], windows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each window one of another demonstration at the same phase: as far, in its length, as that is in its own.

    What a demonstration shows changes with its phase; a partner of another phase would be told by that alone.

    Args:
        demo_of_window: Index of each window's demonstration, shape (N,), sorted.
        windows: Windows that need a partner, shape (M,).

    Returns:
        Shape (M,). A lone demonstration is its own partner, half of it away.
    """
    demos, starts, lengths = np.unique(demo_of_window, return_index=True, return_counts=True)
    own = np.searchsorted(demos, demo_of_window[windows])
    phase = (windows - starts[own] + 0.5) / lengths[own]
    if len(demos) == 1:
        phase = (phase + 0.5) % 1.0
    # Each next window of a demonstration is paired with the next other one, so that all others are met.
    turn = np.arange(len(windows)) % max(1, len(demos) - 1)
    other = (own + 1 + turn) % len(demos)
    partners: npt.NDArray[np.int64] = starts[other] + (phase * lengths[other]).astype(np.int64)
    return partners

"""The peer of `benchmarks.training`: a training loop as one writes it first, with PyTorch's own parts.

What a robomimic-like stack does by default: a `Dataset` that reads the frames of a sample from an HDF5 file when it is
asked for it (low-dimensional data cached), a `DataLoader`, float32, contiguous NCHW images, AdamW as it comes, an
exponential moving average parameter by parameter, and the loss read at every step. Network, batch, noise draws, loss
weight, gradient clipping and learning rate are ours.
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from fdp_policies.config import NetworkConfig, TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.denoisers import repeat_codes
from fdp_policies.networks.normalizer import Normalizer, TensorNormalizer
from fdp_policies.training.phase import PhasePlan, learning_rate
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fdp_bench.api import IMAGE_PREFIX
from fdp_bench.demos.dataset import Demonstration


def write_frames(path: Path, demonstrations: Sequence[Demonstration]) -> None:
    """Write frames as `fdp-bench demos` does: HDF5, a chunk a frame, gzip."""
    with h5py.File(path, "w") as file:
        for demo in demonstrations:
            for key, frames in demo.images.items():
                file.create_dataset(
                    f"{demo.name}/{key}",
                    data=frames,
                    chunks=(1, *frames.shape[1:]),
                    compression="gzip",
                    compression_opts=4,
                )


class PlainWindows(Dataset[dict[str, Tensor]]):
    """Windows over demonstrations; frames are read when a window is."""

    def __init__(
        self,
        path: Path,
        demonstrations: Sequence[Demonstration],
        normalizer: Normalizer,
        network: NetworkConfig,
        keys: Sequence[str],
    ) -> None:
        self.file = h5py.File(path, "r")
        self.demos = demonstrations
        self.normalizer = TensorNormalizer(normalizer, "cpu")
        self.network = network
        self.keys = keys
        self.index = [(demo, t) for demo in demonstrations for t in range(len(demo))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> dict[str, Tensor]:
        demo, now = self.index[item]
        observed = [max(0, now + lag) for lag in range(1 - self.network.n_obs_steps, 1)]
        executed = [min(now + ahead, len(demo) - 1) for ahead in range(self.network.horizon)]
        sample = {"actions": self.normalizer.actions(torch.from_numpy(demo.actions[executed]))}
        for key in self.keys:
            if key.startswith(IMAGE_PREFIX):
                sample[key] = self._crop(np.stack([self.file[f"{demo.name}/{key}"][t] for t in observed]))
            else:
                sample[key] = self.normalizer.vector(key, torch.from_numpy(demo.prop[observed]))
        return sample

    def _crop(self, frames: Any) -> Tensor:
        size = self.network.crop_size
        top, left = (int(torch.randint(n - size + 1, ())) for n in frames.shape[1:3])
        crop = torch.from_numpy(frames[:, top : top + size, left : left + size])
        return (crop.float() / 127.5 - 1.0).permute(0, 3, 1, 2).reshape(-1, size, size)


class PlainLoop:
    """Trains a network the plain way; `load` reads a batch, `step` takes a step with it."""

    def __init__(
        self,
        network: Any,
        plan: PhasePlan,
        config: TrainingConfig,
        schedule: NoiseSchedule,
        windows: PlainWindows,
        device: str,
    ) -> None:
        self.network, self.plan, self.config, self.schedule = network, plan, config, schedule
        self.device = device
        self.average = copy.deepcopy(network)
        self.trained = [p for p in network.parameters() if p.requires_grad]
        self.averages = [
            average
            for average, p in zip(self.average.parameters(), network.parameters(), strict=True)
            if p.requires_grad
        ]
        self.optimizer = torch.optim.AdamW(
            self.trained, lr=0.0, weight_decay=config.weight_decay, betas=(0.9, 0.95)
        )
        self.weight = schedule.loss_weight(config.loss_weight, config.min_snr_gamma)
        loader = DataLoader(
            windows,
            config.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=0,
            pin_memory=device != "cpu",
        )
        self.batches = forever(loader)
        self.number = 0

    def load(self) -> dict[str, Tensor]:
        """Read the next batch."""
        return {key: value.to(self.device) for key, value in next(self.batches).items()}

    def step(self, batch: dict[str, Tensor]) -> float:
        """Take a step; returns its loss."""
        draws = self.config.noise_draws
        actions = batch["actions"].repeat_interleave(draws, dim=0)
        step = torch.randint(len(self.weight), (len(actions),), device=self.device)
        noise = torch.randn_like(actions)
        codes = repeat_codes(self.network.encode(batch), draws)
        predicted = self.network.predict_noise(self.schedule.add_noise(actions, noise, step), step, codes)
        loss = (self.weight[step] * (predicted - noise).square().mean(dim=(1, 2))).mean()
        self.optimizer.param_groups[0]["lr"] = learning_rate(self.number, self.plan, self.config)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, self.config.max_gradient_norm)
        self.optimizer.step()
        decay = min(self.config.ema_decay, (1 + self.number) / (10 + self.number))
        with torch.no_grad():
            for average, parameter in zip(self.averages, self.trained, strict=True):
                average.mul_(decay).add_(parameter, alpha=1 - decay)
        self.number += 1
        return loss.item()


def forever(loader: DataLoader[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader

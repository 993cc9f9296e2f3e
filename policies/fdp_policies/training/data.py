"""Demonstrations as tensors that stay resident on the training device."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fdp_bench.api import IMAGE_PREFIX, TaskInfo
from fdp_bench.demos.dataset import Demonstration
from fdp_policies.config import NetworkConfig
from fdp_policies.networks.normalizer import (
    MINIMAL_ACTION_RANGE,
    MINIMAL_OBSERVATION_RANGE,
    Normalizer,
    Range,
    TensorNormalizer,
    normalize_image,
)


@dataclass(frozen=True)
class Batch:
    """Normalized windows: what the policy would see, and the chunk that the expert executed.

    Attributes:
        observation: Key -> images (B, n_obs_steps * 3, S, S) or vectors (B, n_obs_steps, D).
        actions: Shape (B, horizon, A).
    """

    observation: dict[str, Tensor]
    actions: Tensor


class WindowDataset:
    """Windows over demonstrations, uint8 frames and all, decoded once.

    Window i shows the `n_obs_steps` observations up to step i of its demonstration (the first one repeated before
    the start) and the `horizon` actions from step i on (the last one repeated past the end).

    Each window's frames lie stacked along channels as the networks read them, so a step of training copies whole
    rows and interleaves nothing; the price is `n_obs_steps` times the bytes of the frames (456 MB for 120
    demonstrations of Lift).

    Attributes:
        frames: Camera key -> stacked frames of each window, shape (N, H, W, 3 * n_obs_steps), uint8.
        vectors: Low-dimensional key -> normalized values of each time step, shape (N, D).
        actions: Normalized actions of each time step, shape (N, A).
        observed: Time steps that each window shows, shape (N, n_obs_steps).
        executed: Time steps whose actions each window holds, shape (N, horizon).
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        normalizer: Normalizer,
        network: NetworkConfig,
        device: torch.device | str,
    ) -> None:
        lengths = [len(demo) for demo in demonstrations]
        ends = np.cumsum(lengths)
        self.device = torch.device(device)
        self.crop_size = network.crop_size
        self.normalizer = TensorNormalizer(normalizer, device)
        self.vectors = {
            key: self.normalizer.vector(key, torch.from_numpy(values).to(device))
            for key, values in _vectors(demonstrations, normalizer.keys).items()
        }
        actions = torch.from_numpy(np.concatenate([demo.actions for demo in demonstrations])).to(device)
        self.actions = self.normalizer.actions(actions)
        start = torch.from_numpy(np.repeat(ends - lengths, lengths)).to(device)
        stop = torch.from_numpy(np.repeat(ends, lengths)).to(device)
        here = torch.arange(len(start), device=device).unsqueeze(1)
        past = torch.arange(1 - network.n_obs_steps, 1, device=device)
        ahead = torch.arange(network.horizon, device=device)
        self.observed = torch.maximum(here + past, start.unsqueeze(1))
        self.executed = torch.minimum(here + ahead, stop.unsqueeze(1) - 1)
        self.frames = {
            key: _stacked(
                np.concatenate([demo.images[key] for demo in demonstrations]), self.observed.cpu()
            ).to(device)
            for key in demonstrations[0].images
        }

    def __len__(self) -> int:
        return len(self.observed)

    def batch(self, windows: Tensor, keys: Sequence[str], crops: torch.Generator | None) -> Batch:
        """Gather windows.

        Args:
            windows: Indices, shape (B,).
            keys: Observation keys to gather.
            crops: Generator of random crops, one a window and camera; None cuts the centre.
        """
        observation = {
            key: self._images(key, windows, crops)
            if key.startswith(IMAGE_PREFIX)
            else self.vectors[key][self.observed[windows]]
            for key in keys
        }
        return Batch(observation, self.actions[self.executed[windows]])

    def _images(self, key: str, windows: Tensor, crops: torch.Generator | None) -> Tensor:
        source, size = self.frames[key], self.crop_size
        height, width, channels = source.shape[1:]
        slack = (height - size + 1, width - size + 1)
        if crops is None:
            top, left = (torch.full((len(windows),), (n - 1) // 2, device=self.device) for n in slack)
        else:
            top, left = (torch.randint(n, (len(windows),), generator=crops).to(self.device) for n in slack)
        if channels % 2 == 0:
            # Two bytes at a time: half as many elements to copy.
            source, channels = source.view(torch.int16), channels // 2
        # A view of every possible crop whose rows are contiguous, so that gathering crops copies whole rows.
        row = channels * width
        every_crop = source.as_strided(
            (len(source), *slack, size, channels * size), (height * row, row, channels, row, 1)
        )
        crop = every_crop[windows, top, left].view(torch.uint8).view(len(windows), size, size, -1)
        return normalize_image(crop.permute(0, 3, 1, 2))


def _stacked(frames: npt.NDArray[np.uint8], observed: Tensor) -> Tensor:
    """Frames (T, H, W, 3) of the time steps that each of N windows shows, (N, H, W, 3 * n_obs_steps)."""
    source = torch.from_numpy(frames)
    return torch.cat([source[steps] for steps in observed.unbind(1)], dim=-1)


def _vectors(
    demonstrations: Sequence[Demonstration], keys: Iterable[str]
) -> dict[str, npt.NDArray[np.float32]]:
    """Low-dimensional key -> values of all time steps, shape (N, D)."""
    seen = [demo.observations for demo in demonstrations]
    return {key: np.concatenate([each[key] for each in seen]) for key in keys}


def fit_normalizer(demonstrations: Sequence[Demonstration], keys: Iterable[str] = ("prop",)) -> Normalizer:
    """Fit ranges of low-dimensional keys, and of the actions, to the training demonstrations."""
    return Normalizer(
        keys={
            key: Range.fit(values, MINIMAL_OBSERVATION_RANGE)
            for key, values in _vectors(demonstrations, keys).items()
        },
        action=Range.fit(np.concatenate([demo.actions for demo in demonstrations]), MINIMAL_ACTION_RANGE),
    )


def shapes_of(task: TaskInfo, modalities: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    """Observation key -> shape, of the keys that belong to the given modalities."""
    return {key: task.observation_shapes[key] for name in modalities for key in task.modalities[name]}

"""Demonstrations as tensors that stay resident on the training device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fdp_bench.api import IMAGE_PREFIX, TaskInfo
from fdp_bench.demos.dataset import Demonstration
from fdp_policies.config import NetworkConfig
from fdp_policies.normalizer import (
    MINIMAL_ACTION_RANGE,
    MINIMAL_OBSERVATION_RANGE,
    Normalizer,
    Range,
    TensorNormalizer,
    normalize_image,
    stack_frames,
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
        self.frames = {
            key: torch.from_numpy(np.concatenate([demo.images[key] for demo in demonstrations])).to(device)
            for key in demonstrations[0].images
        }
        prop = torch.from_numpy(np.concatenate([demo.prop for demo in demonstrations])).to(device)
        self.vectors = {"prop": self.normalizer.vector("prop", prop)}
        actions = torch.from_numpy(np.concatenate([demo.actions for demo in demonstrations])).to(device)
        self.actions = self.normalizer.actions(actions)
        start = torch.from_numpy(np.repeat(ends - lengths, lengths)).to(device)
        stop = torch.from_numpy(np.repeat(ends, lengths)).to(device)
        here = torch.arange(len(start), device=device).unsqueeze(1)
        past = torch.arange(1 - network.n_obs_steps, 1, device=device)
        ahead = torch.arange(network.horizon, device=device)
        self.observed = torch.maximum(here + past, start.unsqueeze(1))
        self.executed = torch.minimum(here + ahead, stop.unsqueeze(1) - 1)

    def __len__(self) -> int:
        return len(self.observed)

    def batch(self, windows: Tensor, keys: Sequence[str], crops: torch.Generator | None) -> Batch:
        """Gather windows.

        Args:
            windows: Indices, shape (B,).
            keys: Observation keys to gather.
            crops: Generator of random crops, one a window and camera; None cuts the centre.
        """
        steps = self.observed[windows]
        observation = {
            key: self._images(key, steps, crops) if key.startswith(IMAGE_PREFIX) else self.vectors[key][steps]
            for key in keys
        }
        return Batch(observation, self.actions[self.executed[windows]])

    def _images(self, key: str, steps: Tensor, crops: torch.Generator | None) -> Tensor:
        source, size = self.frames[key], self.crop_size
        height, width = source.shape[1:3]
        slack = (height - size + 1, width - size + 1)
        if crops is None:
            top, left = (torch.full((len(steps), 1), (n - 1) // 2, device=self.device) for n in slack)
        else:
            top, left = (torch.randint(n, (len(steps), 1), generator=crops).to(self.device) for n in slack)
        # A view of every possible crop whose rows are contiguous bytes, so that gathering crops copies whole rows.
        row = 3 * width
        every_crop = source.as_strided((len(source), *slack, size, 3 * size), (height * row, row, 3, row, 1))
        return normalize_image(stack_frames(every_crop[steps, top, left].view(*steps.shape, size, size, 3)))


def fit_normalizer(demonstrations: Sequence[Demonstration]) -> Normalizer:
    """Fit ranges to the training demonstrations."""
    return Normalizer(
        keys={
            "prop": Range.fit(
                np.concatenate([demo.prop for demo in demonstrations]), MINIMAL_OBSERVATION_RANGE
            )
        },
        action=Range.fit(np.concatenate([demo.actions for demo in demonstrations]), MINIMAL_ACTION_RANGE),
    )


def shapes_of(task: TaskInfo, modalities: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    """Observation key -> shape, of the keys that belong to the given modalities."""
    return {key: task.observation_shapes[key] for name in modalities for key in task.modalities[name]}

"""Normalization of observations and actions, fitted on the training demonstrations and kept in the card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fdp_bench.api import IMAGE_PREFIX

#: Smallest range of an observation (radians, metres) that is stretched to [-1, 1], so that sensor noise is not.
MINIMAL_OBSERVATION_RANGE = 1e-2
#: Likewise of an action: an axis that the expert hardly uses must not fill the loss with its noise.
MINIMAL_ACTION_RANGE = 0.5


@dataclass(frozen=True)
class Range:
    """Per-dimension affine map of [low, high] to [-1, 1].

    Attributes:
        low: Smallest value, shape (D,).
        high: Largest value, shape (D,).
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, values: npt.NDArray[np.float32], minimal_range: float) -> "Range":
        """Fit to values, shape (N, D); no dimension gets less than `minimal_range`."""
        low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
        center, half = (low + high) / 2, np.maximum((high - low) / 2, minimal_range / 2)
        return cls(
            tuple((center - half).astype(np.float32).tolist()),
            tuple((center + half).astype(np.float32).tolist()),
        )

    def tensors(self, device: torch.device | str) -> tuple[Tensor, Tensor]:
        """Centre and half range, each shape (D,), float32."""
        low, high = torch.tensor(self.low, device=device), torch.tensor(self.high, device=device)
        return (low + high) / 2, (high - low) / 2


@dataclass(frozen=True)
class Normalizer:
    """Ranges of every low-dimensional key and of the actions; images map from [0, 255] to [-1, 1].

    Attributes:
        keys: Observation key -> range; camera keys are left out.
        action: Range of the actions.
    """

    keys: Mapping[str, Range]
    action: Range

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form for the card."""
        return {
            "keys": {key: {"low": list(r.low), "high": list(r.high)} for key, r in self.keys.items()},
            "action": {"low": list(self.action.low), "high": list(self.action.high)},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Normalizer":
        """Inverse of `to_json`."""

        def read(entry: Mapping[str, Sequence[float]]) -> Range:
            return Range(tuple(map(float, entry["low"])), tuple(map(float, entry["high"])))

        return cls({key: read(entry) for key, entry in data["keys"].items()}, read(data["action"]))


class TensorNormalizer:
    """A normalizer's arithmetic on tensors of one device."""

    def __init__(self, normalizer: Normalizer, device: torch.device | str) -> None:
        self._keys = {key: r.tensors(device) for key, r in normalizer.keys.items()}
        self._action = normalizer.action.tensors(device)

    def vector(self, key: str, values: Tensor) -> Tensor:
        """Normalize a low-dimensional observation, (..., D)."""
        center, half = self._keys[key]
        return (values - center) / half

    def actions(self, actions: Tensor) -> Tensor:
        """Normalize actions, (..., A)."""
        center, half = self._action
        return (actions - center) / half

    def denormalize_actions(self, actions: Tensor) -> Tensor:
        """Inverse of `actions`, clamped to the environment's [-1, 1]."""
        center, half = self._action
        return (actions * half + center).clamp(-1.0, 1.0)


def normalize_image(frames: Tensor) -> Tensor:
    """Map uint8 values to float32 in [-1, 1]."""
    return frames.float().mul_(1 / 127.5).sub_(1.0)


def stack_frames(frames: Tensor) -> Tensor:
    """Stack frames (B, n_obs_steps, H, W, 3) along channels: (B, n_obs_steps * 3, H, W), channels last in memory."""
    batch, length, height, width, channels = frames.shape
    merged = frames.permute(0, 2, 3, 1, 4).reshape(batch, height, width, length * channels)
    return merged.permute(0, 3, 1, 2)


def center_crop(frames: Tensor, size: int) -> Tensor:
    """Cut the central square from frames (..., H, W, C)."""
    top = (frames.shape[-3] - size) // 2
    left = (frames.shape[-2] - size) // 2
    return frames[..., top : top + size, left : left + size, :]


def prepare_observation(
    observation: Mapping[str, Tensor],
    keys: Sequence[str],
    normalizer: TensorNormalizer,
    crop_size: int,
    device: torch.device | str,
) -> dict[str, Tensor]:
    """Turn a policy's observation into the networks' normalized tensors.

    Args:
        observation: Key -> raw values, shape (B, n_obs_steps, ...).
        keys: Keys that the networks read.
        normalizer: The checkpoint's normalizer.
        crop_size: Side of the central crop, pixels.
        device: Where the tensors go.

    Returns:
        Key -> images (B, n_obs_steps * 3, S, S) or vectors (B, n_obs_steps, D), float32.
    """
    prepared = {}
    for key in keys:
        values = observation[key].to(device)
        if key.startswith(IMAGE_PREFIX):
            prepared[key] = normalize_image(stack_frames(center_crop(values, crop_size)))
        else:
            prepared[key] = normalizer.vector(key, values.float())
    return prepared

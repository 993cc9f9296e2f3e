"""Statistics that a LeRobotDataset carries for normalization: of each feature, per dimension or colour channel."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: LeRobot's quantiles (lerobot 0.4, ``compute_stats.DEFAULT_QUANTILES``).
_QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_LEVELS = np.arange(256) / 255.0


def statistics(
    vectors: Mapping[str, npt.NDArray[np.float32]], cameras: Mapping[str, Sequence[npt.NDArray[np.uint8]]]
) -> dict[str, dict[str, Any]]:
    """Statistics of a whole dataset, JSON-ready.

    Args:
        vectors: Feature -> numbers of all steps, shape (S, D).
        cameras: Feature -> frames of each demonstration, shape (T, H, W, 3), uint8.

    Returns:
        Feature -> ``min``, ``max``, ``mean``, ``std``, ``count`` and quantiles: lists of D numbers, or of shape
        (3, 1, 1) in [0, 1] for a camera. ``count`` is the number of steps.
    """
    stats = {name: _of_vectors(values) for name, values in vectors.items()}
    return stats | {name: _of_frames(parts) for name, parts in cameras.items()}


def episode_statistics(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Statistics of one demonstration as LeRobot's table of episodes holds them.

    Args:
        arrays: Feature -> numbers, shape (T, D), or frames, shape (T, H, W, 3), uint8.

    Returns:
        ``"stats/<feature>/<statistic>"`` -> nested list.
    """
    row: dict[str, Any] = {}
    for feature, values in arrays.items():
        stats = _of_frames([values]) if values.ndim == 4 else _of_vectors(values)
        row |= {f"stats/{feature}/{name}": value for name, value in stats.items()}
    return row


def _of_vectors(values: npt.NDArray[Any]) -> dict[str, Any]:
    wide = values.astype(np.float64)
    stats = {"min": wide.min(0), "max": wide.max(0), "mean": wide.mean(0), "std": wide.std(0)}
    stats |= {name: np.quantile(wide, share, axis=0) for name, share in _QUANTILES.items()}
    return {name: value.tolist() for name, value in stats.items()} | {"count": [len(values)]}


def _of_frames(parts: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Any]:
    """Exact, from the histogram of each channel's 256 levels."""
    counts = np.zeros((3, 256), np.int64)
    for frames in parts:
        for channel in range(3):
            counts[channel] += np.bincount(frames[..., channel].ravel(), minlength=256)
    total = counts.sum(axis=1, keepdims=True)
    mean = (counts @ _LEVELS) / total[:, 0]
    variance = (counts @ _LEVELS**2) / total[:, 0] - mean**2
    present = counts > 0
    stats = {
        "min": _LEVELS[present.argmax(axis=1)],
        "max": _LEVELS[255 - present[:, ::-1].argmax(axis=1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(variance, 0.0)),
    }
    reached = counts.cumsum(axis=1) / total
    for name, share in _QUANTILES.items():
        stats[name] = _LEVELS[(reached >= share).argmax(axis=1)]
    shaped = {name: value.reshape(3, 1, 1).tolist() for name, value in stats.items()}
    return shaped | {"count": [sum(len(frames) for frames in parts)]}

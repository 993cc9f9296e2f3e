"""Denoising a chunk whose rows may become the base's at the first step; the same for plain and fast networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fdp_policies.diffusion import Sampler
from fdp_policies.networks.denoisers import Predict

#: The base's prediction at the first visited step.
PredictBase = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Guard:
    """Decides row by row; it looks at no tensor's values on the host, so that it can be part of a CUDA graph.

    Attributes:
        keys: Observation keys whose features are watched, in their order in a feature vector.
        mean: See `fdp_policies.guard.distance.FeatureStatistics`.
        whitening: Likewise.
        thresholds: One a signal, shape (K,): contribution and distance, or the distance only.
    """

    keys: tuple[str, ...]
    mean: Tensor
    whitening: Tensor
    thresholds: Tensor

    def distance(self, features: Mapping[str, Tensor]) -> Tensor:
        """Mahalanobis distance, shape (B,), of features (B, F) a key."""
        away = watched(features, self.keys) - self.mean
        return _norm(away @ self.whitening.T)

    def steps_aside(self, *signals: Tensor) -> Tensor:
        """Whether each row is the base's, shape (B,): if every signal, shape (B,), is above its threshold."""
        # What is no number counts as above.
        return ~(torch.stack(signals, dim=1) <= self.thresholds).any(1)


def watched(features: Mapping[str, Tensor], keys: tuple[str, ...]) -> Tensor:
    """The features of the watched keys side by side, shape (B, D)."""
    return torch.cat([features[key].float() for key in keys], dim=1)


def contribution(composed: Tensor, base: Tensor) -> Tensor:
    """Norm over a chunk of what a residual adds to its base's noise prediction (B, T, A), shape (B,)."""
    return _norm((composed - base).flatten(1))


def _norm(rows: Tensor) -> Tensor:
    """Euclidean norm of each row, (B, N) to (B,)."""
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms


def sample_guarded(
    sampler: Sampler,
    guard: Guard,
    distance: Tensor,
    predict: Predict,
    predict_base: PredictBase,
    noise: Tensor,
) -> tuple[Tensor, Tensor]:
    """Denoise by a composition, or by its base where the guard says so after the first step.

    Shapes stay constant: a row that steps aside runs through the residual too, and what it adds is replaced by zero.

    Args:
        sampler: The reverse process.
        guard: The guard.
        distance: Of each row's features, shape (B,).
        predict: The composition.
        predict_base: Its base.
        noise: See `Sampler.reverse`.

    Returns:
        Normalized actions (B, T, A), and the rows that stepped aside, shape (B,).
    """
    aside, kept = torch.zeros(0), torch.zeros(0)

    def predict_at(actions: Tensor, index: int) -> Tensor:
        nonlocal aside, kept
        if index:
            return predict(actions, index, kept)
        composed, base = predict(actions, 0, None), predict_base(actions)
        aside = guard.steps_aside(contribution(composed, base), distance)
        kept = ~aside[:, None, None]
        return torch.where(kept, composed, base)

    chunk = sampler.reverse(predict_at, noise)
    return chunk, aside

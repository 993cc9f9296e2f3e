"""Mahalanobis distance with a shrunk covariance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Smallest variance of a direction, as a share of the mean one: features that never move have none.
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class FeatureStatistics:
    """Where features lie.

    Attributes:
        mean: Shape (D,).
        whitening: Shape (D, D); ``whitening @ (x - mean)`` has as norm the distance of x.
        shrinkage: How far the covariance was shrunk towards a multiple of the identity, in [0, 1].
        rows: Number of feature vectors behind it.
    """

    mean: npt.NDArray[np.float32]
    whitening: npt.NDArray[np.float32]
    shrinkage: float
    rows: int


def fit_statistics(features: npt.NDArray[np.float32]) -> FeatureStatistics:
    """Fit mean and shrunk covariance to features, shape (N, D), N >= 2."""
    values = features.astype(np.float64)
    covariance, shrinkage = ledoit_wolf(values)
    variances, directions = np.linalg.eigh(covariance)
    floor = max(_LEAST_VARIANCE * variances.mean(), np.finfo(np.float32).tiny)
    whitening = (directions / np.sqrt(np.maximum(variances, floor))).T
    return FeatureStatistics(
        values.mean(0).astype(np.float32), whitening.astype(np.float32), shrinkage, len(values)
    )


def ledoit_wolf(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
    """Covariance shrunk towards a multiple of the identity (Ledoit and Wolf 2004, section 3.3).

    A chunk a row gives some hundred rows for up to 128 features, so the sample covariance is close to singular. The
    estimate is that of scikit-learn's ``LedoitWolf``; it is a few lines, and no dependency brings it.

    Args:
        values: Shape (N, D), N >= 2.

    Returns:
        The covariance, shape (D, D), and the weight of the identity in it, in [0, 1].
    """
    rows, size = values.shape
    centered = values - values.mean(0)
    sample = centered.T @ centered / rows
    scale = np.trace(sample) / size
    identity = scale * np.eye(size)
    # Mean squares over entries: of the sample about the identity, and of its error about the true covariance.
    spread = ((sample - identity) ** 2).sum() / size
    error = (((centered**2).sum(1) ** 2).sum() / rows - (sample**2).sum()) / (rows * size)
    shrinkage = float(min(error, spread) / spread) if spread else 0.0
    return (1 - shrinkage) * sample + shrinkage * identity, shrinkage

"""The area under the severity curve: success over how strong a shift is, as one number with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import trapezoid

from fdp_bench.stats.proportion import Interval, wilson_mean_interval

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeverityArea:
    """Area under one arm's severity curve, or the difference of two.

    Attributes:
        value: Area divided by the range of levels: the success rate averaged over levels, in [0, 1]; for a
            difference the first arm's minus the second's, in [-1, 1].
        interval: Its interval.
        confidence: Nominal coverage.
        levels: Levels of the curve, ascending, 0 for clean.
        episodes: Number of episodes at each level.
    """

    value: float
    interval: Interval
    confidence: float
    levels: tuple[float, ...]
    episodes: int


def severity_area(
    outcomes: npt.ArrayLike, levels: Sequence[float], *, confidence: float = 0.95
) -> SeverityArea:
    """Area under the severity curve of one arm, by the trapezoid rule.

    The rule is a weighted mean of an episode's own outcomes, so each episode has an area of its own and the
    arm's is their mean; however outcomes at different levels hang together, the spread of these areas holds it.
    The interval is Wilson's for as many trials as the areas are worth. Episode areas from a latent-threshold
    model, 6 levels, 24 truths, 400 simulations each: least and mean coverage of nominal 95%, and mean width:

        episodes   Wilson, effective      Student's t            percentile bootstrap
        10         0.88  0.960  0.301     0.27  0.762  0.222     0.27  0.748  0.174
        20         0.89  0.956  0.193     0.45  0.832  0.152     0.45  0.826  0.134
        50         0.89  0.943  0.111     0.68  0.900  0.097     0.70  0.901  0.091
        100        0.90  0.951  0.075     0.82  0.926  0.068     0.86  0.933  0.066

    Args:
        outcomes: Successes, shape (episodes, levels); a row holds one episode at every level.
        levels: Severity levels L, shape (levels,), strictly ascending from 0 (clean) within [0, 1].
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The area with its interval, within [0, 1].

    Raises:
        ValueError: If an argument is malformed or out of range.
    """
    areas = _episode_areas(outcomes, levels)
    interval = _mean_interval(areas, confidence)
    return SeverityArea(float(areas.mean()), interval, confidence, tuple(map(float, levels)), len(areas))


def severity_area_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, levels: Sequence[float], *, confidence: float = 0.95
) -> SeverityArea:
    """First arm's area under the severity curve minus the second's, on the same episodes.

    Square-and-add of the arms' intervals with the correlation of their episode areas, as Newcombe's interval does
    for rates (G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27 (2008) 1693-1702). From the simulations that `severity_area` describes:

        episodes   square-and-add         Student's t            percentile bootstrap
        10         0.93  0.965  0.441     0.45  0.880  0.330     0.35  0.822  0.262
        20         0.90  0.955  0.275     0.66  0.920  0.224     0.54  0.887  0.200
        50         0.91  0.948  0.154     0.85  0.935  0.140     0.79  0.920  0.133
        100        0.94  0.958  0.104     0.92  0.949  0.098     0.91  0.941  0.096

    Args:
        first: Successes of the first arm, shape (episodes, levels).
        second: Those of the second on the same episodes, in the same order.
        levels: Severity levels of both, as in `severity_area`.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The difference with its interval, within [-1, 1].

    Raises:
        ValueError: If an argument is malformed or out of range, or the shapes differ.
    """
    ours, theirs = _episode_areas(first, levels), _episode_areas(second, levels)
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} episodes against {len(theirs)}: they must be the same ones")
    our_mean, their_mean = float(ours.mean()), float(theirs.mean())
    our_low, our_high = _mean_interval(ours, confidence)
    their_low, their_high = _mean_interval(theirs, confidence)
    correlation = _shrunk_correlation(ours, theirs)

    def combine(our_reach: float, their_reach: float) -> float:
        squares = our_reach**2 - 2.0 * correlation * our_reach * their_reach + their_reach**2
        return math.sqrt(max(squares, 0.0))

    difference = our_mean - their_mean
    low = difference - combine(our_mean - our_low, their_high - their_mean)
    high = difference + combine(our_high - our_mean, their_mean - their_low)
    interval = Interval(max(low, -1.0), min(high, 1.0))
    return SeverityArea(difference, interval, confidence, tuple(map(float, levels)), len(ours))


def _episode_areas(outcomes: npt.ArrayLike, levels: Sequence[float]) -> Array:
    """Area under each episode's own outcomes over the range of levels, shape (episodes,)."""
    table, positions = np.asarray(outcomes), np.asarray(levels, dtype=np.float64)
    if positions.ndim != 1 or len(positions) < 2 or positions[0] != 0.0 or positions[-1] > 1.0:
        raise ValueError(f"levels {list(levels)} must ascend from 0 (clean) to at most 1")
    if np.any(np.diff(positions) <= 0.0):
        raise ValueError(f"levels {list(levels)} must ascend strictly")
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] != len(positions):
        raise ValueError(f"outcomes of shape {table.shape} are not (episodes, {len(positions)} levels)")
    if not np.isin(table, (0, 1)).all():
        raise ValueError("outcomes must be successes and failures, none of them missing")
    areas: Array = trapezoid(table.astype(np.float64), positions, axis=1) / positions[-1]
    return areas


def _mean_interval(areas: Array, confidence: float) -> Interval:
    mean, episodes = float(areas.mean()), len(areas)
    largest = mean * (1.0 - mean)
    if largest <= 0.0:
        return wilson_mean_interval(round(mean), episodes, confidence)
    # One more episode of the largest possible variance: areas that happen to be equal are no certainty.
    variance = (float(((areas - mean) ** 2).sum()) + largest) / episodes
    return wilson_mean_interval(mean, episodes * max(largest / variance, 1.0), confidence)


def _shrunk_correlation(first: Array, second: Array) -> float:
    """Correlation of the episode areas, a positive one shrunk by one episode; 0 where one side never varies."""
    spread = float(first.std() * second.std())
    if spread < 1e-12:
        return 0.0
    correlation = float(((first - first.mean()) * (second - second.mean())).mean()) / spread
    return correlation * (1.0 - 1.0 / len(first)) if correlation > 0.0 else correlation

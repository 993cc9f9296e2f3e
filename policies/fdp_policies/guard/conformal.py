"""Thresholds by split conformal prediction, an episode at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fdp_bench.api import SpecError

#: Largest probability that the guard acts anywhere in a clean episode.
FALSE_ALARMS = 0.05

#: Signals of an episode's chunks, shape (chunks, K).
Signals = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """When a chunk is the base's: if each signal exceeds its threshold.

    Attributes:
        thresholds: One a signal, shape (K,).
        level: The score behind them, see `chunk_scores`.
        order: Which of the sorted episode scores the level is, counted from 1.
    """

    thresholds: npt.NDArray[np.float32]
    level: float
    order: int


def quantile_order(episodes: int, false_alarms: float = FALSE_ALARMS) -> int:
    """Which of n sorted scores, counted from 1, a new one exceeds with a probability of at most `false_alarms`.

    It is ceil((n + 1)(1 - alpha)): the rank of a new score among n + 1 exchangeable ones is uniform.

    Raises:
        SpecError: If n is so small that no score of the sample is large enough.
    """
    # Rounded first: (n + 1)(1 - alpha) is meant exactly, and 0.95 * 40 is 38 plus rounding.
    order = math.ceil(round((episodes + 1) * (1 - false_alarms), 9))
    if order > episodes:
        least = math.ceil(round(1 / false_alarms, 9)) - 1
        raise SpecError(
            f"{episodes} episodes bound false alarms at {false_alarms:.0%} by no finite threshold; use at least {least}"
        )
    return order


def chunk_scores(signals: Signals, reference: Signals) -> npt.NDArray[np.float64]:
    """The lower of a chunk's ranks among reference chunks, one rank a signal.

    A rank is the share of reference values below the signal. Beyond the largest reference value it is the ratio to
    that value, which is above 1: otherwise the most unusual chunks would all be equal, and a threshold that lies there
    could not be exceeded.

    Args:
        signals: Shape (chunks, K), >= 0.
        reference: Shape (reference chunks, K), >= 0.

    Returns:
        Shape (chunks,), >= 0.
    """
    ranks = np.empty(signals.shape, dtype=np.float64)
    for column, values in enumerate(reference.T.astype(np.float64)):
        pool, found = np.sort(values), signals[:, column].astype(np.float64)
        inside = np.searchsorted(pool, found, side="left") / len(pool)
        ranks[:, column] = np.where(found > pool[-1], found / max(pool[-1], np.finfo(float).tiny), inside)
    scores: npt.NDArray[np.float64] = ranks.min(axis=1)
    return scores


def conformal_limits(
    scored: Sequence[Signals], reference: Signals, false_alarms: float = FALSE_ALARMS
) -> Limits:
    """Thresholds that a clean episode exceeds with a probability of at most `false_alarms`.

    An episode's score is the largest of its chunks' scores, and the level is a conformal quantile of the scored
    episodes' scores. What is guaranteed: let the scored episodes and a new clean one be exchangeable, and let
    `reference` and whatever else made the signals (feature statistics, weights) be fixed before they are looked at.
    Then the new episode has a chunk above all thresholds with a probability of at most `false_alarms`, whatever the
    signals' distribution. The probability is over the draw of the scored episodes too: for one calibration with n = 40
    the rate of false alarms follows Beta(2, 39), whose mean is 4.9% and whose 95th percentile is 11.3%.

    It holds for the guarded policy although the episodes were played without the guard: up to the first alarm both
    play the same episode, so one has an alarm where the other would have had it.

    Args:
        scored: Signals of each scored episode.
        reference: Signals of the chunks of other episodes.
        false_alarms: The bound, in (0, 1).

    Raises:
        SpecError: If there are too few scored episodes.
    """
    order = quantile_order(len(scored), false_alarms)
    level = float(np.sort([chunk_scores(signals, reference).max() for signals in scored])[order - 1])
    pool = np.sort(reference.astype(np.float64), axis=0)
    # A rank above level = m / N means that more than m of N reference values lie below.
    thresholds = pool[round(level * len(pool))] if level < 1.0 else level * pool[-1]
    return Limits(thresholds.astype(np.float32), level, order)

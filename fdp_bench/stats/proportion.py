"""The interval of one success rate."""

import math
from typing import NamedTuple

from scipy.stats import binomtest, norm


class Interval(NamedTuple):
    """A two-sided confidence interval.

    Attributes:
        low: Lower end.
        high: Upper end, >= `low`.
    """

    low: float
    high: float


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a success rate (Wilson 1927).

    It inverts the score test, so it stays inside [0, 1] and keeps a width at 0 and at `trials` successes,
    where the textbook (Wald) interval collapses to a point. Its coverage swings around the nominal one: for
    20 trials at a rate of 0.05 it is 0.925.

    Args:
        successes: Number of successes, in [0, `trials`].
        trials: Number of trials, >= 1.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The interval, within [0, 1].

    Raises:
        ValueError: If an argument is out of range.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} successes in {trials} trials: need trials >= 1 and 0 <= successes <= trials"
        )
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence!r} is outside (0, 1)")
    found = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def wilson_mean_interval(mean: float, effective_trials: float, confidence: float = 0.95) -> Interval:
    r"""Wilson's interval for the mean of outcomes in [0, 1] that are worth so many yes-or-no trials.

    A mean m of n outcomes with variance v is as uncertain as the success rate of n m (1 - m) / v trials; with
    that number in the place of the trials, Wilson's formula keeps its good manners at the ends of the range.
    The practice of complex surveys (Franco, Little, Louis and Slud, "Comparative study of confidence intervals
    for proportions in complex sample surveys", Journal of Survey Statistics and Methodology 7 (2019) 334-364).

    Args:
        mean: Observed mean, in [0, 1].
        effective_trials: Number of trials, > 0; need not be whole.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        The interval, within [0, 1].

    Raises:
        ValueError: If an argument is out of range.
    """
    if not (0.0 <= mean <= 1.0 and effective_trials > 0.0):
        raise ValueError(
            f"mean {mean!r} must lie in [0, 1] and effective_trials {effective_trials!r} above 0"
        )
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence!r} is outside (0, 1)")
    squared = float(norm.ppf((1.0 + confidence) / 2.0)) ** 2 / effective_trials
    center = (mean + squared / 2.0) / (1.0 + squared)
    reach = math.sqrt(squared * mean * (1.0 - mean) + squared**2 / 4.0) / (1.0 + squared)
    # Rounding must not push the interval past its range or off the mean.
    return Interval(min(max(center - reach, 0.0), mean), max(min(center + reach, 1.0), mean))

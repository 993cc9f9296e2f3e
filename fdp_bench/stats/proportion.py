"""The interval of one success rate."""

import math
from typing import NamedTuple

from scipy.special import ndtri


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
    z = normal_quantile(confidence)
    rate = successes / trials
    denominator = 1.0 + z * z / trials
    center = (rate + z * z / (2 * trials)) / denominator
    half_width = z / denominator * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    # At the ends the formula gives exactly 0 and 1 but for rounding.
    low = 0.0 if successes == 0 else center - half_width
    high = 1.0 if successes == trials else center + half_width
    return Interval(low, high)


def normal_quantile(confidence: float) -> float:
    """Half width of the central interval of a standard normal, for instance 1.96 for 0.95.

    Raises:
        ValueError: If `confidence` is not in (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence!r} is outside (0, 1)")
    return float(ndtri(0.5 + confidence / 2))

"""The interval of one success rate."""

from typing import NamedTuple

from scipy.stats import binomtest


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

"""What a design could have seen: the smallest paired difference that a number of episodes detects."""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

#: Share of pairs that disagree when two independent arms both succeed half the time: the most that
#: independent arms give. Shared random streams make pairs agree more often, which makes smaller differences
#: visible.
DISCORDANT_RATE = 0.5


@lru_cache(maxsize=64)
def smallest_detectable_difference(
    n_pairs: int, discordant_rate: float = DISCORDANT_RATE, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest difference of two paired success rates that the exact McNemar test finds with that power.

    The power is computed exactly, by summing over the number of disagreeing pairs, binomial(`n_pairs`,
    `discordant_rate`), and over how they split. A difference above `discordant_rate` needs that many
    disagreeing pairs, so there the rate is raised to the difference.

    Args:
        n_pairs: Number of pairs, >= 1.
        discordant_rate: Assumed share of pairs in which exactly one arm succeeds, in (0, 1].
        alpha: Two-sided level of one test, before any adjustment for many tests, in (0, 1).
        power: Wanted chance of a significant result, in (0, 1).

    Returns:
        The difference in (0, 1], rounded up to 0.001; nan when even a difference of 1 would be missed, as
        with five pairs or fewer at alpha 0.05.

    Raises:
        ValueError: If an argument is out of range.
    """
    if n_pairs < 1:
        raise ValueError(f"n_pairs {n_pairs!r} must be >= 1")
    if not 0.0 < discordant_rate <= 1.0:
        raise ValueError(f"discordant_rate {discordant_rate!r} is outside (0, 1]")
    if not (0.0 < alpha < 1.0 and 0.0 < power < 1.0):
        raise ValueError(f"alpha {alpha!r} and power {power!r} must lie in (0, 1)")
    critical = _critical_counts(n_pairs, alpha)

    def detected(thousandths: int) -> bool:
        difference = thousandths / 1000
        return _power(n_pairs, max(discordant_rate, difference), difference, critical) >= power

    if not detected(1000):
        return math.nan
    # The power grows with the difference, so halve the bracket.
    low, high = 0, 1000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detected(middle) else (middle, high)
    return high / 1000


def _critical_counts(n_pairs: int, alpha: float) -> npt.NDArray[np.int64]:
    """Largest rejected smaller count for 0..n_pairs disagreeing pairs, shape (n_pairs + 1,); -1 for none."""
    disagreeing = np.arange(n_pairs + 1)
    count = binom.ppf(alpha / 2, disagreeing, 0.5).astype(np.int64)
    # ppf gives the first k whose tail reaches alpha / 2; it counts only if it does so exactly.
    exceeds = 2 * binom.cdf(count, disagreeing, 0.5) > alpha
    critical: npt.NDArray[np.int64] = np.where(exceeds, count - 1, count)
    return critical


def _power(n_pairs: int, discordant_rate: float, difference: float, critical: npt.NDArray[np.int64]) -> float:
    disagreeing = np.arange(n_pairs + 1)
    share_first = (1 + difference / discordant_rate) / 2
    rejected = binom.cdf(critical, disagreeing, share_first) + binom.cdf(
        critical, disagreeing, 1 - share_first
    )
    return float((binom.pmf(disagreeing, n_pairs, discordant_rate) * rejected).sum())

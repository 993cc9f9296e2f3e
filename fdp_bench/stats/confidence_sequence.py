"""Intervals that hold at every number of pairs at once, so that one may look and stop at any time.

Both are made of bets: a truth is ruled out once a bet against it has multiplied its stake by 1/alpha, which
by Ville's inequality happens to the real truth, at whatever time, with a probability of at most alpha.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import roots_legendre

from fdp_bench.stats.paired import PairedCounts
from fdp_bench.stats.proportion import Interval

#: Bets on each side of a difference. A finite mixture of bets is itself a bet, so any number is valid; with
#: 512 Gauss-Legendre nodes it equals the even spread over all bets exactly, up to 1,023 pairs.
_N_BETS = 512
#: Distance kept from the ends of a range, where a bet may win without bound.
_EDGE = 1e-12


def paired_difference_sequence(counts: PairedCounts, confidence: float = 0.95) -> Interval:
    r"""Confidence sequence of the first rate minus the second, over all pairs.

    The betting method of I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
    betting", Journal of the Royal Statistical Society B 86 (2024) 1-27, for the outcomes D = 1, 0, -1 of a pair:
    against a difference m, the stakes lambda = t / (1 + m) and lambda = -t / (1 - m) for t in [0, 1] multiply
    the fortune by 1 + lambda (D - m) >= 0, which is 1 on average if m is true. Half of the stake is spread evenly
    over the positive bets and half over the negative ones. With x, y and z pairs of D = 1, -1 and 0 and
    u = 1 / (1 + m), the positive half holds

        \int_0^1 (1 - t + 2 t u)^x (1 - t)^y (1 - t + t u)^z dt,

    which is log-convex and falls with m, and the negative half mirrors it, so the kept differences form an
    interval. Against m = 0 the fortune is the e-value of the sequential comparison, so the interval excludes 0
    exactly when that e-value reaches 1/alpha.

    Args:
        counts: The pairs seen so far.
        confidence: Chance, at least, that all intervals over time hold the truth, in (0, 1).

    Returns:
        The interval, within [-1, 1]; [-1, 1] itself before any pair.

    Raises:
        ValueError: If `confidence` is out of range.
    """
    _check(confidence)
    if counts.pairs == 0:
        return Interval(-1.0, 1.0)
    agreeing = counts.both + counts.neither
    low = _lowest_difference(counts.only_first, counts.only_second, agreeing, confidence)
    high = -_lowest_difference(counts.only_second, counts.only_first, agreeing, confidence)
    return Interval(low, high)


def _lowest_difference(won: int, lost: int, agreeing: int, confidence: float) -> float:
    def excess(difference: float) -> float:
        return _log_fortune(won, lost, agreeing, difference) + math.log1p(-confidence)

    lowest = -1.0 + _EDGE
    observed = (won - lost) / (won + lost + agreeing)
    if observed <= lowest or excess(lowest) <= 0.0:
        return -1.0
    # Against the observed difference no bet wins, because log(1 + s) <= s: it is always kept.
    return float(brentq(excess, lowest, min(observed, 1.0 - _EDGE), xtol=1e-10))


def _log_fortune(won: int, lost: int, agreeing: int, difference: float) -> float:
    positive = _log_half_fortune(won, lost, agreeing, difference)
    negative = _log_half_fortune(lost, won, agreeing, -difference)
    return float(np.logaddexp(positive, negative)) - math.log(2.0)


def _log_half_fortune(won: int, lost: int, agreeing: int, difference: float) -> float:
    """Logarithm of what the positive bets hold against `difference` for a stake of 1."""
    bets, log_stakes = _bets()
    scale = 1.0 / (1.0 + difference)
    log_products = (
        won * np.log1p(bets * (2.0 * scale - 1.0))
        + lost * np.log1p(-bets)
        + agreeing * np.log1p(bets * (scale - 1.0))
    )
    # Five times as fast here as scipy's logsumexp; an interval takes some sixty such sums.
    return float(np.logaddexp.reduce(log_products + log_stakes))


@lru_cache(maxsize=1)
def _bets() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Positive bets t in (0, 1) and the logarithms of their stakes, which add up to 1."""
    nodes, weights = roots_legendre(_N_BETS)
    return (nodes + 1.0) / 2.0, np.log(weights / weights.sum())


def _check(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence!r} is outside (0, 1)")

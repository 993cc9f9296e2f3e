"""Intervals that hold at every number of pairs at once, so that one may look and stop at any time.

Both are made of bets: a truth is ruled out once a bet against it has multiplied its stake by 1/alpha, which
by Ville's inequality happens to the real truth, at whatever time, with a probability of at most alpha.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import betaln, roots_legendre, xlogy

from fdp_bench.stats.paired import PairedCounts
from fdp_bench.stats.proportion import Interval

#: Bets on each side of a difference. A finite mixture of bets is itself a bet, so any number is valid; with
#: 512 Gauss-Legendre nodes it equals the even spread over all bets exactly, up to 1,023 pairs.
_N_BETS = 512
#: Distance kept from the ends of a range, where a bet may win without bound.
_EDGE = 1e-12


def discordant_share_sequence(counts: PairedCounts, confidence: float = 0.95) -> Interval:
    """Confidence sequence of the share of disagreeing pairs that the first arm wins.

    D. A. Darling and H. Robbins, "Confidence sequences for mean, variance, and median", PNAS 58 (1967) 66-68,
    with an even mixture over the share: theta is kept while B(1 + x, 1 + y) < theta^x (1 - theta)^y / alpha. It
    excludes 1/2 exactly when the sequential comparison at alpha decides.

    Args:
        counts: The pairs seen so far.
        confidence: Chance, at least, that all intervals over time hold the truth, in (0, 1).

    Returns:
        The interval, within [0, 1]; [0, 1] itself before any pair disagrees.

    Raises:
        ValueError: If `confidence` is out of range.
    """
    _check(confidence)
    low = _lowest_share(counts.only_first, counts.only_second, confidence)
    high = 1.0 - _lowest_share(counts.only_second, counts.only_first, confidence)
    return Interval(low, high)


def _lowest_share(won: int, lost: int, confidence: float) -> float:
    if won == 0:
        return 0.0
    mixture = float(betaln(1 + won, 1 + lost))

    def excess(share: float) -> float:
        likelihood = float(xlogy(won, share) + xlogy(lost, 1.0 - share))
        return mixture - likelihood + math.log1p(-confidence)

    # The likelihood is log-concave with its top at the observed share, which is always kept.
    return float(brentq(excess, 1e-300, won / (won + lost), xtol=1e-15))


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


def difference_e_value(counts: PairedCounts, difference: float) -> float:
    """Evidence against one given difference of the rates; may be looked at after every pair.

    The fortune of the bets that `paired_difference_sequence` describes: its expectation is 1 at any number of
    pairs if `difference` is the truth. The interval holds the differences whose e-value lies below 1/alpha.

    Args:
        counts: The pairs seen so far.
        difference: First rate minus second rate under test, in (-1, 1).

    Returns:
        The e-value, above 0 and 1 before any pair; inf where it is too large for a float.

    Raises:
        ValueError: If `difference` is out of range.
    """
    if not -1.0 < difference < 1.0:
        raise ValueError(f"difference {difference!r} is outside (-1, 1)")
    agreeing = counts.both + counts.neither
    with np.errstate(over="ignore"):
        return float(np.exp(_log_fortune(counts.only_first, counts.only_second, agreeing, difference)))


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

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln

from fdp_bench.stats import (
    PairedCounts,
    paired_difference_interval,
    paired_difference_sequence,
    paired_e_value,
)
from fdp_bench.stats.confidence_sequence import _log_fortune


def evidence(counts: PairedCounts, difference: float) -> float:
    """The fortune of the bets against one difference, by which the interval is made."""
    agreeing = counts.both + counts.neither
    return math.exp(_log_fortune(counts.only_first, counts.only_second, agreeing, difference))


some_counts = st.builds(
    PairedCounts, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)
)
#: Chances of (agree, only first, only second), under which the difference is the second minus the third.
TRUTHS = [(0.5, 0.25, 0.25), (0.75, 0.2, 0.05), (0.1, 0.1, 0.8), (0.97, 0.02, 0.01), (0.2, 0.8, 0.0)]


@pytest.mark.parametrize("difference", [-0.7, -0.1, 0.0, 0.4])
def test_evidence_is_the_average_fortune_over_positive_and_negative_bets(difference: float) -> None:
    won, lost, agreeing = 7, 3, 5

    def fortune(stake: float) -> float:
        outcomes = ((1, won), (-1, lost), (0, agreeing))
        return float(np.prod([(1 + stake * (value - difference)) ** count for value, count in outcomes]))

    positive, _ = quad(lambda t: fortune(t / (1 + difference)), 0, 1)
    negative, _ = quad(lambda t: fortune(-t / (1 - difference)), 0, 1)
    counts = PairedCounts(both=2, only_first=won, only_second=lost, neither=agreeing - 2)
    assert evidence(counts, difference) == pytest.approx((positive + negative) / 2)


@given(counts=some_counts)
def test_evidence_against_no_difference_is_that_of_the_sequential_comparison(counts: PairedCounts) -> None:
    assert evidence(counts, 0.0) == pytest.approx(paired_e_value(counts), rel=1e-9)


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("pairs", [1, 7, 20])
def test_a_bet_against_the_truth_is_fair(truth: tuple[float, float, float], pairs: int) -> None:
    """Summed over every table, evidence against the true difference is 1 on average: what validity rests on."""
    total = 0.0
    for won in range(pairs + 1):
        for lost in range(pairs + 1 - won):
            agreeing = pairs - won - lost
            cells = np.array([agreeing, won, lost])
            log_weight = gammaln(pairs + 1) - gammaln(cells + 1).sum()
            weight = np.exp(log_weight) * np.prod(np.power(truth, cells))
            total += weight * evidence(PairedCounts(agreeing, won, lost, 0), truth[1] - truth[2])
    assert total == pytest.approx(1.0, abs=1e-9)


def share_of_paths_that_ever_exclude_the_truth(
    truth: tuple[float, float, float], *, paths: int, looks: list[int]
) -> float:
    """Over simulated comparisons: how often the interval misses the truth at any look."""
    rng = np.random.default_rng(3)
    missed = np.zeros(paths, dtype=bool)
    for path in range(paths):
        kinds = rng.choice(3, size=looks[-1], p=truth)
        for look in looks:
            agreeing, won, lost = (int((kinds[:look] == kind).sum()) for kind in range(3))
            counts = PairedCounts(agreeing, won, lost, 0)
            interval = paired_difference_sequence(counts, 0.8)
            missed[path] |= not interval.low <= truth[1] - truth[2] <= interval.high
    return float(missed.mean())


def test_intervals_at_80_percent_seldom_exclude_the_truth_at_any_of_many_looks() -> None:
    looks = [2, 4, 8, 16, 32, 64, 128]
    share = share_of_paths_that_ever_exclude_the_truth((0.6, 0.3, 0.1), paths=100, looks=looks)
    # At most 0.2: two standard errors of 100 paths above it.
    assert 0.0 < share <= 0.2 + 0.08


@pytest.mark.slow
@pytest.mark.parametrize("truth", TRUTHS)
def test_intervals_hold_the_truth_at_every_look_under_many_truths(truth: tuple[float, float, float]) -> None:
    looks = sorted({round(1.5**power) for power in range(18)})
    share = share_of_paths_that_ever_exclude_the_truth(truth, paths=300, looks=looks)
    # At most 0.2: three standard errors of 300 paths above it.
    assert share <= 0.2 + 0.07


@given(counts=some_counts)
def test_intervals_hold_what_was_observed_and_stay_inside_their_range(counts: PairedCounts) -> None:
    low, high = paired_difference_sequence(counts)
    if counts.pairs:
        assert -1.0 <= low <= counts.difference + 1e-9
        assert counts.difference - 1e-9 <= high <= 1.0


@given(counts=some_counts, confidence=st.floats(0.5, 0.98))
def test_more_confidence_gives_wider_intervals(counts: PairedCounts, confidence: float) -> None:
    narrow = paired_difference_sequence(counts, confidence)
    wide = paired_difference_sequence(counts, confidence + 0.015)
    assert wide.low <= narrow.low + 1e-9
    assert narrow.high <= wide.high + 1e-9


def test_looking_at_any_time_costs_width() -> None:
    counts = PairedCounts(both=120, only_first=50, only_second=30, neither=100)
    fixed, anytime = paired_difference_interval(counts), paired_difference_sequence(counts)
    assert anytime.low < fixed.low < fixed.high < anytime.high
    assert anytime.high - anytime.low < 2 * (fixed.high - fixed.low)


def test_no_pairs_rule_out_nothing() -> None:
    assert paired_difference_sequence(PairedCounts(0, 0, 0, 0)) == (-1.0, 1.0)


def test_one_sided_outcomes_reach_the_end_of_the_range() -> None:
    assert paired_difference_sequence(PairedCounts(0, 30, 0, 0)).high == 1.0
    assert paired_difference_sequence(PairedCounts(0, 0, 30, 0)).low == -1.0
    assert paired_difference_sequence(PairedCounts(1, 30, 0, 0)).high < 1.0


def test_thousands_of_pairs_are_handled() -> None:
    low, high = paired_difference_sequence(PairedCounts(8000, 1200, 800, 10_000))
    assert 0.01 < low < 0.02 < high < 0.03


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_confidences_outside_the_unit_range_are_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        paired_difference_sequence(PairedCounts(1, 1, 1, 1), confidence)

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from statsmodels.stats.contingency_tables import mcnemar

from fdp_bench.stats import PairedCounts, count_pairs, exact_mcnemar, paired_difference_interval

counts_strategy = st.builds(
    PairedCounts,
    both=st.integers(0, 80),
    only_first=st.integers(0, 80),
    only_second=st.integers(0, 80),
    neither=st.integers(0, 80),
).filter(lambda counts: counts.pairs > 0)


def test_outcomes_are_tabulated_by_pair() -> None:
    first = [True, True, True, False, False]
    second = [True, False, False, True, False]
    assert count_pairs(first, second) == PairedCounts(both=1, only_first=2, only_second=1, neither=1)


def test_outcomes_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        count_pairs([True, False], [True])


def test_interval_equals_that_of_the_r_package_contingencytables() -> None:
    """Complete response before and after consolidation therapy (Cavo 2012), from that package's tests."""
    counts = PairedCounts(both=59, only_first=6, only_second=16, neither=80)
    assert counts.difference == pytest.approx(-0.0621, abs=5e-5)
    assert paired_difference_interval(counts) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


@given(counts=counts_strategy)
def test_interval_holds_the_difference_and_stays_inside_its_range(counts: PairedCounts) -> None:
    low, high = paired_difference_interval(counts)
    assert -1.0 <= low <= counts.difference + 1e-12
    assert counts.difference - 1e-12 <= high <= 1.0


@given(counts=counts_strategy)
def test_swapping_the_arms_mirrors_the_interval(counts: PairedCounts) -> None:
    low, high = paired_difference_interval(counts)
    mirrored = PairedCounts(counts.both, counts.only_second, counts.only_first, counts.neither)
    assert paired_difference_interval(mirrored) == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize("pairs", [10, 20])
def test_enumerated_coverage_never_falls_below_0_93(pairs: int) -> None:
    """Every table of `pairs` pairs is weighed by its multinomial probability under 256 truths."""
    tables = [
        PairedCounts(both, first, second, pairs - both - first - second)
        for both in range(pairs + 1)
        for first in range(pairs + 1 - both)
        for second in range(pairs + 1 - both - first)
    ]
    cells = np.array([(t.both, t.only_first, t.only_second, t.neither) for t in tables])
    low, high = np.array([paired_difference_interval(table) for table in tables]).T
    arrangements = gammaln(pairs + 1) - gammaln(cells + 1).sum(axis=1)
    rates = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
    coverages = []
    for first_rate in rates:
        for second_rate in rates:
            for pairing in (0.0, 0.3, 0.6, 0.9):
                independent = first_rate * second_rate
                both = independent + pairing * (min(first_rate, second_rate) - independent)
                truth = np.array(
                    [both, first_rate - both, second_rate - both, 1 - first_rate - second_rate + both]
                )
                weights = np.exp(arrangements + cells @ np.log(np.maximum(truth, 1e-300)))
                difference = first_rate - second_rate
                covered = (low <= difference + 1e-12) & (difference <= high + 1e-12)
                coverages.append(weights[covered].sum())
    assert len(coverages) == 256
    assert min(coverages) >= 0.93
    assert np.mean(coverages) == pytest.approx({10: 0.969, 20: 0.967}[pairs], abs=1e-3)


def test_pairing_narrows_the_interval() -> None:
    paired = paired_difference_interval(PairedCounts(both=40, only_first=10, only_second=0, neither=50))
    unpaired = paired_difference_interval(PairedCounts(both=20, only_first=30, only_second=20, neither=30))
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)


@given(counts=counts_strategy)
def test_mcnemar_equals_statsmodels(counts: PairedCounts) -> None:
    table = [[counts.both, counts.only_first], [counts.only_second, counts.neither]]
    if counts.only_first + counts.only_second == 0:
        assert exact_mcnemar(counts) == 1.0
    else:
        assert exact_mcnemar(counts) == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_no_pairs_mean_no_difference_and_no_interval() -> None:
    none = PairedCounts(0, 0, 0, 0)
    assert math.isnan(none.difference)
    with pytest.raises(ValueError, match="trials"):
        paired_difference_interval(none)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match=">= 0"):
        PairedCounts(1, -1, 0, 0)

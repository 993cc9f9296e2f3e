import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from fdp_bench.stats import wilson_interval, wilson_mean_interval


@pytest.mark.parametrize("trials", [1, 10, 50, 100, 200])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_endpoints_equal_those_of_statsmodels(trials: int, confidence: float) -> None:
    for successes in range(trials + 1):
        expected = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
        assert wilson_interval(successes, trials, confidence) == pytest.approx(expected, abs=1e-12)


def test_enumerated_coverage_for_20_trials_at_a_rate_of_5_percent_is_0_925() -> None:
    intervals = [wilson_interval(successes, 20) for successes in range(21)]
    covered = np.array([low <= 0.05 <= high for low, high in intervals])
    coverage = float((binom.pmf(np.arange(21), 20, 0.05) * covered).sum())
    assert coverage == pytest.approx(0.925, abs=5e-4)


@pytest.mark.parametrize(("trials", "points"), [(50, 13), (100, 10), (200, 7)])
def test_half_width_at_50_percent_shrinks_as_the_design_says(trials: int, points: int) -> None:
    low, high = wilson_interval(trials // 2, trials)
    assert round(100 * (high - low) / 2) == points


@given(trials=st.integers(1, 1000), data=st.data())
def test_interval_holds_the_rate_and_stays_inside_the_unit_range(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    assert high > low


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"),
    [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0)],
)
def test_impossible_counts_and_confidences_are_refused(
    successes: int, trials: int, confidence: float
) -> None:
    with pytest.raises(ValueError, match=r"trials|confidence"):
        wilson_interval(successes, trials, confidence)


@given(trials=st.integers(1, 500), data=st.data())
def test_interval_of_a_mean_of_whole_trials_is_that_of_the_rate(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = wilson_interval(successes, trials, 0.9)
    assert wilson_mean_interval(successes / trials, trials, 0.9) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("mean", "trials"), [(0.37, 12.5), (0.0, 3.2), (1.0, 40.7), (0.9, 0.8)])
def test_interval_of_a_mean_of_a_fraction_of_trials_equals_that_of_statsmodels(
    mean: float, trials: float
) -> None:
    expected = proportion_confint(mean * trials, trials, method="wilson")
    assert wilson_mean_interval(mean, trials) == pytest.approx(expected, abs=1e-12)


@given(mean=st.floats(0, 1), trials=st.floats(1e-3, 1e9))
def test_interval_of_a_mean_holds_it_and_stays_inside_the_unit_range(mean: float, trials: float) -> None:
    low, high = wilson_mean_interval(mean, trials)
    assert 0.0 <= low <= mean <= high <= 1.0


@pytest.mark.parametrize(("mean", "trials", "confidence"), [(1.1, 5, 0.9), (0.5, 0, 0.9), (0.5, 5, 1.0)])
def test_impossible_means_are_refused(mean: float, trials: float, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"mean|confidence"):
        wilson_mean_interval(mean, trials, confidence)

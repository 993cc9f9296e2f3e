import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from fdp_bench.stats import TooFewSeedsError, probability_of_improvement

rates = st.lists(st.integers(0, 8).map(lambda tenths: tenths / 8), min_size=3, max_size=7)


@given(first=rates, second=rates)
def test_value_of_one_stratum_is_mann_and_whitneys_statistic(first: list[float], second: list[float]) -> None:
    estimate = probability_of_improvement(np.c_[first], np.c_[second], trainings=None)
    assert estimate.value == pytest.approx(mannwhitneyu(first, second).statistic / len(first) / len(second))


def test_strata_count_equally() -> None:
    first = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]
    second = [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]
    assert probability_of_improvement(first, second, trainings=None).value == pytest.approx((1 + 0.5) / 2)


@given(first=rates, second=rates)
@settings(max_examples=40)
def test_swapping_the_policies_mirrors_the_estimate(first: list[float], second: list[float]) -> None:
    forth = probability_of_improvement(np.c_[first], np.c_[second], trainings=None)
    back = probability_of_improvement(np.c_[second], np.c_[first], trainings=None)
    assert back.value == pytest.approx(1 - forth.value)
    assert back.interval == pytest.approx((1 - forth.interval.high, 1 - forth.interval.low))
    assert 0.0 <= forth.interval.low <= forth.value <= forth.interval.high <= 1.0


def test_three_seeds_that_all_win_are_no_certainty() -> None:
    first, second = [[0.8], [0.9], [0.85]], [[0.1], [0.2], [0.15]]
    estimate = probability_of_improvement(first, second, trainings=None)
    assert estimate.value == 1.0
    assert estimate.interval.low < 0.5
    resampled = probability_of_improvement(
        first, second, trainings=None, method="percentile", rng=np.random.default_rng(0)
    )
    assert resampled.interval == (1.0, 1.0)  # why it is not the default


def test_more_strata_narrow_the_interval_only_with_trainings_of_their_own() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((4, 5)), rng.random((4, 5))
    apart = probability_of_improvement(first, second, trainings=None).interval
    together = probability_of_improvement(first, second, trainings=["one"] * 5).interval
    assert apart.high - apart.low < 0.6 * (together.high - together.low)


@pytest.mark.parametrize("lead", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("n_seeds", [3, 8])
def test_wilson_intervals_hold_the_truth_at_least_as_often_as_they_say(lead: float, n_seeds: int) -> None:
    rng = np.random.default_rng(6)

    def scores(mean: float, seeds: int) -> np.ndarray:
        return rng.binomial(50, np.clip(mean + 0.08 * rng.standard_normal((seeds, 1)), 0, 1)) / 50

    truth = probability_of_improvement(scores(0.5 + lead, 1500), scores(0.5, 1500), trainings=None).value
    hits = 0
    for _ in range(400):
        low, high = probability_of_improvement(
            scores(0.5 + lead, n_seeds), scores(0.5, n_seeds), trainings=None
        ).interval
        hits += low <= truth <= high
    # Two standard errors of 400 experiments below 0.95.
    assert hits / 400 >= 0.95 - 0.022


def test_the_generator_is_used_and_asked_for() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((5, 3)), rng.random((6, 3))
    one, again, other = (
        probability_of_improvement(
            first,
            second,
            trainings=None,
            method="percentile",
            rng=np.random.default_rng(seed),
            n_resamples=100,
        ).interval
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    with pytest.raises(ValueError, match="rng"):
        probability_of_improvement(first, second, trainings=None, method="percentile")


def test_percentile_interval_narrows_around_a_planted_probability_with_many_seeds() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random((200, 2)) + 0.25, rng.random((200, 2))
    first /= 1.25
    second /= 1.25
    estimate = probability_of_improvement(
        first, second, trainings=None, method="percentile", rng=rng, n_resamples=300
    )
    # P(U + 1/4 > V) of two uniform numbers is 1 - 0.75^2 / 2.
    assert estimate.interval.low < 0.719 < estimate.interval.high
    assert estimate.interval.high - estimate.interval.low < 0.1


def test_different_strata_and_too_few_seeds_are_refused() -> None:
    three = [[0.1], [0.2], [0.3]]
    with pytest.raises(ValueError, match="strata"):
        probability_of_improvement(three, np.ones((3, 2)), trainings=None)
    with pytest.raises(TooFewSeedsError):
        probability_of_improvement(three, three[:2], trainings=None)

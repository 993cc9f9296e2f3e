import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from fdp_bench.stats import TrainingResult, data_efficiency_curve, wilson_interval


def trainings(demonstrations: int, successes: list[int], episodes: int = 50) -> list[TrainingResult]:
    return [TrainingResult(demonstrations, seed, count, episodes) for seed, count in enumerate(successes)]


def test_points_ascend_with_the_demonstrations() -> None:
    curve = data_efficiency_curve(trainings(100, [45]) + trainings(10, [5]) + trainings(25, [20]))
    assert [point.demonstrations for point in curve] == [10, 25, 100]
    assert [point.rate for point in curve] == [0.1, 0.4, 0.9]


def test_three_seeds_have_students_band() -> None:
    point = data_efficiency_curve(trainings(10, [10, 25, 35]))[0]
    student = ttest_1samp([0.2, 0.5, 0.7], 0.5).confidence_interval(0.95)
    assert (point.band, point.n_seeds, point.episodes) == ("seeds", 3, 150)
    assert (point.low, point.high) == pytest.approx((max(student.low, 0), min(student.high, 1)))


def test_seeds_that_agree_by_chance_keep_the_uncertainty_of_their_episodes() -> None:
    point = data_efficiency_curve(trainings(10, [50, 50, 50]))[0]
    assert (point.low, point.high) == pytest.approx(wilson_interval(150, 150))


@pytest.mark.parametrize("successes", [[30], [30, 40]])
def test_fewer_seeds_have_wilsons_interval(successes: list[int]) -> None:
    point = data_efficiency_curve(trainings(10, successes))[0]
    assert point.band == "episodes"
    assert (point.low, point.high) == wilson_interval(sum(successes), 50 * len(successes))


@pytest.mark.parametrize(("mean", "spread"), [(0.6, 0.08), (0.95, 0.03), (0.5, 0.0), (0.99, 0.0)])
def test_bands_of_three_seeds_hold_the_truth_at_least_as_often_as_they_say(
    mean: float, spread: float
) -> None:
    rng = np.random.default_rng(5)
    rates = np.clip(mean + spread * rng.standard_normal((600, 3)), 0, 1)
    truth = float(np.clip(mean + spread * rng.standard_normal(1_000_000), 0, 1).mean())
    hits = 0
    for successes in rng.binomial(50, rates):
        point = data_efficiency_curve(trainings(10, successes.tolist()))[0]
        hits += point.low <= truth <= point.high
    # Two standard errors of 600 experiments below 0.95.
    assert hits / 600 >= 0.95 - 0.018


@given(successes=st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_bands_hold_the_rate_and_stay_inside_the_unit_range(successes: list[int]) -> None:
    point = data_efficiency_curve(trainings(10, successes))[0]
    assert 0.0 <= point.low <= point.rate + 1e-12
    assert point.rate - 1e-12 <= point.high <= 1.0


def test_a_seed_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        data_efficiency_curve([TrainingResult(10, 0, 1, 5), TrainingResult(10, 0, 2, 5)])


@pytest.mark.parametrize("counts", [(0, 0, 1, 5), (10, 0, 6, 5), (10, 0, 0, 0)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        TrainingResult(*counts)

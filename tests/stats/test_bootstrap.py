import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, trim_mean, ttest_1samp

from fdp_bench.stats import TooFewSeedsError, bootstrap_seeds


def some_scores(
    n_seeds: int, n_strata: int, *, seed: int = 0, together: bool = False
) -> npt.NDArray[np.float64]:
    """Rates over 50 episodes, shape (seeds, strata), with a spread of 8 points between trainings."""
    rng = np.random.default_rng(seed)
    means = np.linspace(0.2, 0.8, n_strata) if n_strata > 1 else np.array([0.6])
    trainings = rng.standard_normal((n_seeds, 1 if together else n_strata))
    scores: npt.NDArray[np.float64] = rng.binomial(50, np.clip(means + 0.08 * trainings, 0, 1)) / 50
    return scores


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_values_are_the_statistics_of_all_scores(statistic: str) -> None:
    scores = some_scores(5, 4)
    estimate = bootstrap_seeds(scores, statistic, trainings=None, rng=np.random.default_rng(0))  # type: ignore[arg-type]
    expected = scores.mean() if statistic == "mean" else trim_mean(scores.ravel(), 0.25)
    assert estimate.value == pytest.approx(expected)
    assert (estimate.n_seeds, estimate.n_strata) == (5, 4)


def test_percentile_interval_of_one_stratum_equals_scipys() -> None:
    scores = some_scores(8, 1)
    ours = bootstrap_seeds(
        scores, trainings=None, method="percentile", rng=np.random.default_rng(1), n_resamples=20_000
    )
    theirs = bootstrap(
        (scores[:, 0],), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    assert ours.interval == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_default_interval_of_trainings_scored_under_all_strata_is_students() -> None:
    scores = some_scores(5, 6, together=True)
    estimate = bootstrap_seeds(
        scores, trainings=["one"] * 6, rng=np.random.default_rng(1), n_resamples=40_000
    )
    student = ttest_1samp(scores.mean(axis=1), 0.5).confidence_interval(0.95)
    assert estimate.interval == pytest.approx((student.low, student.high), abs=0.003)


@pytest.mark.parametrize("trainings", [None, ["a", "a", "b", "b"]])
def test_bootstrap_spread_equals_the_stratified_standard_error(trainings: list[str] | None) -> None:
    """Of the mean, sqrt(sum of the squared standard errors) of its independent parts."""
    scores = some_scores(6, 4, together=True)
    estimate = bootstrap_seeds(scores, trainings=trainings, rng=np.random.default_rng(1), n_resamples=40_000)
    parts = scores if trainings is None else np.stack([scores[:, :2].mean(1), scores[:, 2:].mean(1)], axis=1)
    error = np.sqrt((parts.var(axis=0, ddof=1) / 6).sum()) / parts.shape[1]
    quantiles = {4: 2.086, 2: 2.228}  # Student's t at 0.975 with 4 x 5 and 2 x 5 degrees of freedom
    reach = (estimate.interval.high - estimate.interval.low) / 2
    assert reach == pytest.approx(quantiles[parts.shape[1]] * error, rel=0.02)


def covered(
    scores_of: list[npt.NDArray[np.float64]], truth: float, trainings: list[str] | None, **options: str
) -> float:
    rng = np.random.default_rng(4)
    hits = 0
    for scores in scores_of:
        low, high = bootstrap_seeds(
            scores,
            trainings=trainings,
            rng=rng,
            n_resamples=400,
            **options,  # type: ignore[arg-type]
        ).interval
        hits += low - 1e-9 <= truth <= high + 1e-9
    return hits / len(scores_of)


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_intervals_of_three_trainings_hold_the_truth_about_as_often_as_they_say(statistic: str) -> None:
    experiments = [some_scores(3, 6, seed=seed, together=True) for seed in range(300)]
    # By symmetry both statistics are 0.5 in truth; three standard errors of 300 experiments below 0.95.
    assert covered(experiments, 0.5, ["one"] * 6, statistic=statistic) >= 0.95 - 0.038


def test_percentile_intervals_of_three_trainings_are_too_narrow_as_documented() -> None:
    experiments = [some_scores(3, 6, seed=seed, together=True) for seed in range(200)]
    assert 0.65 < covered(experiments, 0.5, ["one"] * 6, method="percentile") < 0.85


def test_strata_that_share_trainings_need_a_common_label_as_documented() -> None:
    experiments = [some_scores(3, 6, seed=seed, together=True) for seed in range(200)]
    assert covered(experiments, 0.5, None) < 0.85


@pytest.mark.slow
@pytest.mark.parametrize(("n_seeds", "n_strata"), [(3, 16), (5, 4), (10, 4)])
@pytest.mark.parametrize("together", [False, True])
def test_coverage_over_many_designs(n_seeds: int, n_strata: int, together: bool) -> None:
    experiments = [some_scores(n_seeds, n_strata, seed=seed, together=together) for seed in range(1000)]
    # Three standard errors of 1,000 experiments below the documented 0.93.
    assert covered(experiments, 0.5, ["one"] * n_strata if together else None) >= 0.93 - 0.024


def test_the_generator_is_used() -> None:
    scores = some_scores(4, 3)
    first, again, other = (
        bootstrap_seeds(scores, trainings=None, rng=np.random.default_rng(seed)).interval
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@given(
    scores=st.integers(3, 6).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 10), min_size=3, max_size=3), min_size=n, max_size=n)
    ),
    statistic=st.sampled_from(["mean", "iqm"]),
    method=st.sampled_from(["t", "percentile"]),
)
@settings(max_examples=40)
def test_intervals_stay_inside_the_unit_range_and_mirror_with_the_scores(
    scores: list[list[int]], statistic: str, method: str
) -> None:
    rates = np.array(scores) / 10
    options = {"trainings": None, "method": method, "n_resamples": 100}
    estimate = bootstrap_seeds(rates, statistic, rng=np.random.default_rng(0), **options)  # type: ignore[arg-type]
    low, high = estimate.interval
    assert 0.0 <= low <= high <= 1.0
    mirrored = bootstrap_seeds(1 - rates, statistic, rng=np.random.default_rng(0), **options)  # type: ignore[arg-type]
    assert mirrored.value == pytest.approx(1 - estimate.value)
    assert mirrored.interval == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_two_seeds_are_refused_and_wilson_is_named() -> None:
    with pytest.raises(TooFewSeedsError, match=r"2 training seeds.*Wilson") as refusal:
        bootstrap_seeds([[0.5], [0.6]], trainings=None, rng=np.random.default_rng(0))
    assert refusal.value.n_seeds == 2


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ([0.1, 0.2, 0.3], {}, "seeds, strata"),
        ([[0.1], [0.2], [1.3]], {}, r"\[0, 1\]"),
        ([[0.1], [0.2], [np.nan]], {}, "missing"),
        ([[0.1], [0.2], [0.3]], {"trainings": ["a", "b"]}, "labels"),
        ([[0.1], [0.2], [0.3]], {"confidence": 1.0}, "confidence"),
        ([[0.1], [0.2], [0.3]], {"n_resamples": 10}, "n_resamples"),
    ],
)
def test_malformed_arguments_are_refused(scores: object, options: dict[str, object], message: str) -> None:
    arguments = {"trainings": None, "rng": np.random.default_rng(0)} | options
    with pytest.raises(ValueError, match=message):
        bootstrap_seeds(scores, **arguments)  # type: ignore[arg-type]

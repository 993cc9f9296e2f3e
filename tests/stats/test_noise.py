import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fdp_bench.stats import check_repeat, measure_noise_floor, noise_quantile, wilson_interval


def test_episodes_that_repeat_agree() -> None:
    first = {"a": True, "b": False, "c": True}
    check = check_repeat(first, {"c": True, "a": True})
    assert check.agrees
    assert (check.episodes, check.disagreeing) == (2, ())
    assert check.interval == wilson_interval(0, 2)


def test_episodes_that_do_not_repeat_are_named_in_order() -> None:
    check = check_repeat({"b": 1, "a": {"steps": 3}, "c": 5}, {"b": 2, "a": {"steps": 4}, "c": 5})
    assert not check.agrees
    assert check.disagreeing == ("a", "b")


def test_episodes_without_a_first_time_are_refused() -> None:
    with pytest.raises(ValueError, match="'x'"):
        check_repeat({"a": True}, {"a": True, "x": True})
    with pytest.raises(ValueError, match="no episode"):
        check_repeat({"a": True}, {})


def test_noise_floor_is_the_share_of_flips_with_its_wilson_interval() -> None:
    floor = measure_noise_floor([True] * 8 + [False] * 12, [True] * 6 + [False] * 13 + [True])
    assert (floor.episodes, floor.flipped, floor.rate) == (20, 3, 0.15)
    assert floor.interval == wilson_interval(3, 20)
    assert floor.mcnemar_p == 1.0


def test_a_second_run_that_is_plainly_worse_is_not_noise() -> None:
    assert measure_noise_floor([True] * 20, [True] * 10 + [False] * 10).mcnemar_p < 0.01


@pytest.mark.parametrize(("n_pairs", "flip_rate"), [(20, 0.1), (50, 0.3), (100, 0.05)])
def test_noise_alone_exceeds_the_smallest_difference_in_at_most_5_percent(
    n_pairs: int, flip_rate: float
) -> None:
    difference = noise_quantile(n_pairs, flip_rate)
    rng = np.random.default_rng(2)
    tables = rng.multinomial(n_pairs, [1 - flip_rate, flip_rate / 2, flip_rate / 2], size=40_000)
    excess = np.abs(tables[:, 1] - tables[:, 2])
    needed = round(difference * n_pairs)
    # Three standard errors of 40,000 runs.
    assert (excess >= needed).mean() <= 0.05 + 0.0033
    assert (excess >= needed - 1).mean() > 0.05 - 0.0033


def test_few_retests_do_not_make_the_floor_look_low() -> None:
    few = measure_noise_floor([True] * 5, [True] * 5)
    many = measure_noise_floor([True] * 200, [True] * 200)
    assert few.rate == many.rate == 0.0
    assert few.smallest_difference(100) > 2 * many.smallest_difference(100) > 0.0


@example(n_pairs=10, rate=1.1125369292536007e-308)
# Two runs of one policy disagree in half of the pairs at most; where nearly all do, counts of one parity alone are
# left, and the floor can fall by a pair.
@given(n_pairs=st.integers(10, 200), rate=st.floats(0.0, 0.5))
def test_more_noise_never_lowers_the_floor(n_pairs: int, rate: float) -> None:
    lower, higher = noise_quantile(n_pairs, rate), noise_quantile(n_pairs, rate + 0.1)
    assert 0.0 < lower <= higher <= 1.0


def test_no_noise_leaves_every_difference_above_the_floor() -> None:
    assert noise_quantile(50, 0.0) == pytest.approx(1 / 50)


def test_too_few_pairs_cannot_rise_above_the_noise() -> None:
    assert math.isnan(noise_quantile(3, 0.9))


@pytest.mark.parametrize(("n_pairs", "rate", "alpha"), [(0, 0.1, 0.05), (9, 1.1, 0.05), (9, 0.1, 0.0)])
def test_arguments_out_of_range_are_refused(n_pairs: int, rate: float, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"must|outside"):
        noise_quantile(n_pairs, rate, alpha)
    with pytest.raises(ValueError, match="trials"):
        measure_noise_floor([], [])

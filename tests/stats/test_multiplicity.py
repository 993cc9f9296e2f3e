import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from fdp_bench.stats import holm


def test_adjustment_equals_the_step_down_rule_worked_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, made non-decreasing.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("seed", range(5))
def test_adjustment_equals_that_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Rounded, so that some are tied.
    p_values = rng.uniform(0, 0.2, size=2 + 4 * seed).round(2)
    assert holm(p_values.tolist()) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_rows_without_a_test_neither_count_nor_change() -> None:
    adjusted = holm([0.02, math.nan, 0.02])
    assert adjusted[0] == adjusted[2] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])


def test_no_tests_give_no_values() -> None:
    assert holm([]) == []
    assert all(math.isnan(value) for value in holm([math.nan, math.nan]))


@settings(max_examples=20)  # statsmodels collects all garbage of the process on every call
@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_values_lie_between_the_raw_and_the_bonferroni_ones_in_the_same_order(
    p_values: list[float],
) -> None:
    adjusted = holm(p_values)
    for raw, value in zip(p_values, adjusted, strict=True):
        assert raw - 1e-15 <= value <= min(1.0, len(p_values) * raw) + 1e-15
    ranked = [adjusted[index] for index in sorted(range(len(p_values)), key=p_values.__getitem__)]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_values_outside_the_unit_range_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        holm([0.5, bad])

import math

import numpy as np
import pytest

from fdp_bench.stats import PairedCounts, exact_mcnemar, smallest_detectable_difference
from fdp_bench.stats.design import _critical_counts, _power


def power(pairs: int, discordant_rate: float, difference: float) -> float:
    """Chance, by the formula, that the test at 0.05 finds the difference."""
    return _power(pairs, discordant_rate, difference, _critical_counts(pairs, 0.05))


def simulated_power(pairs: int, discordant_rate: float, difference: float, *, runs: int) -> float:
    """Share of simulated experiments whose exact McNemar test is significant at 0.05."""
    only_first = (discordant_rate + difference) / 2
    only_second = (discordant_rate - difference) / 2
    tables = np.random.default_rng(7).multinomial(
        pairs, [1 - discordant_rate, only_first, only_second], size=runs
    )
    distinct, times = np.unique(tables, axis=0, return_counts=True)
    rejected = [
        exact_mcnemar(PairedCounts(int(same), int(first), int(second), 0)) <= 0.05
        for same, first, second in distinct
    ]
    return float((times * rejected).sum() / runs)


@pytest.mark.parametrize(("pairs", "discordant_rate"), [(20, 0.5), (50, 0.5), (50, 0.2), (200, 0.5)])
def test_simulated_power_at_the_smallest_detectable_difference_is_80_percent(
    pairs: int, discordant_rate: float
) -> None:
    difference = smallest_detectable_difference(pairs, discordant_rate)
    discordant = max(discordant_rate, difference)
    simulated = simulated_power(pairs, discordant, difference, runs=20_000)
    # Four standard errors of the simulation.
    assert simulated == pytest.approx(power(pairs, discordant, difference), abs=0.012)
    assert power(pairs, discordant, difference) >= 0.8
    smaller = difference - 0.001
    assert power(pairs, max(discordant_rate, smaller), smaller) < 0.8


@pytest.mark.parametrize("pairs", [6, 20, 50])
def test_level_under_equality_stays_below_alpha(pairs: int) -> None:
    assert 0.0 < power(pairs, 0.5, 0.0) <= 0.05


def test_more_pairs_detect_smaller_differences() -> None:
    differences = [smallest_detectable_difference(pairs) for pairs in (10, 50, 100, 200)]
    assert differences == sorted(differences, reverse=True)
    assert differences[1:] == pytest.approx([0.288, 0.203, 0.144])


def test_fewer_disagreeing_pairs_detect_smaller_differences() -> None:
    assert smallest_detectable_difference(100, 0.2) < smallest_detectable_difference(100, 0.5)


def test_five_pairs_detect_nothing() -> None:
    assert math.isnan(smallest_detectable_difference(5))
    assert smallest_detectable_difference(6) <= 1.0


@pytest.mark.parametrize(
    ("pairs", "options"),
    [(0, {}), (10, {"discordant_rate": 0.0}), (10, {"alpha": 1.0}), (10, {"power": 1.0})],
)
def test_arguments_out_of_range_are_refused(pairs: int, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|outside"):
        smallest_detectable_difference(pairs, **options)

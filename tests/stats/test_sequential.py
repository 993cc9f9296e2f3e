import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from fdp_bench.stats import (
    PairedCounts,
    SequentialComparison,
    paired_difference_sequence,
    paired_e_value,
)

outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80)


def chances_of_a_decision(share_first: float, disagreeing: int, alpha: float) -> tuple[float, float]:
    """Exact chance that the first, and that the second, is ever called better within so many disagreeing pairs.

    Every path of wins is weighed, by passing the chance of each undecided count on to the next pair.
    """
    undecided: npt.NDArray[np.float64] = np.array([1.0])
    decided = {True: 0.0, False: 0.0}
    for pairs in range(1, disagreeing + 1):
        reached = np.zeros(pairs + 1)
        reached[1:] += undecided * share_first
        reached[:-1] += undecided * (1 - share_first)
        for won in range(pairs + 1):
            if reached[won] and paired_e_value(PairedCounts(0, won, pairs - won, 0)) >= 1 / alpha:
                decided[won > pairs - won] += reached[won]
                reached[won] = 0.0
        undecided = reached
    return decided[True], decided[False]


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 0), (3, 5), (20, 4)])
def test_e_value_is_the_average_fortune_over_all_bets(won: int, lost: int) -> None:
    average, _ = quad(lambda share: (2 * share) ** won * (2 * (1 - share)) ** lost, 0, 1)
    assert paired_e_value(PairedCounts(9, won, lost, 7)) == pytest.approx(average)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_false_alarms_stay_below_alpha_though_one_looks_after_each_of_400_disagreeing_pairs(
    alpha: float,
) -> None:
    first, second = chances_of_a_decision(0.5, 400, alpha)
    assert first == pytest.approx(second)
    assert 0.2 * alpha < first + second <= alpha


@pytest.mark.parametrize("share_first", [0.45, 0.49])
def test_the_worse_arm_is_seldom_called_better(share_first: float) -> None:
    assert chances_of_a_decision(share_first, 300, 0.05)[0] <= 0.05


@pytest.mark.parametrize(
    ("share_first", "disagreeing", "chance"), [(0.8, 50, 0.957), (0.7, 100, 0.891), (0.6, 300, 0.684)]
)
def test_a_planted_difference_is_found(share_first: float, disagreeing: int, chance: float) -> None:
    # The chances come from 40,000 comparisons each, simulated with the formula alone.
    assert chances_of_a_decision(share_first, disagreeing, 0.05)[0] == pytest.approx(chance, abs=0.01)


def simulated_decisions(
    chances: tuple[float, float, float], *, runs: int, pairs: int
) -> list[SequentialComparison]:
    """Comparisons stopped at their decision or after `pairs` pairs; chances of agree, only first, only second."""
    rng = np.random.default_rng(11)
    comparisons = []
    for kinds in rng.choice(3, size=(runs, pairs), p=chances):
        comparison = SequentialComparison(alpha=0.1)
        for kind in kinds:
            if comparison.update(kind != 2, kind != 1):
                break
        comparisons.append(comparison)
    return comparisons


def test_simulated_comparisons_of_equal_arms_are_seldom_decided() -> None:
    decided = sum(
        comparison.decided for comparison in simulated_decisions((0.5, 0.25, 0.25), runs=400, pairs=150)
    )
    # The chance is at most 0.1: three standard errors of 400 runs above it.
    assert 0 < decided <= 400 * (0.1 + 3 * 0.015)


def test_simulated_comparisons_find_25_points_with_few_pairs() -> None:
    comparisons = simulated_decisions((0.65, 0.30, 0.05), runs=200, pairs=300)
    assert all(comparison.winner == "first" for comparison in comparisons)
    assert np.median([comparison.n for comparison in comparisons]) < 60


def replayed(first: Iterable[bool], second: Iterable[bool], alpha: float = 0.05) -> SequentialComparison:
    """The comparison after these pairs."""
    comparison = SequentialComparison(alpha)
    for ours, theirs in zip(first, second, strict=True):
        comparison.update(ours, theirs)
    return comparison


@given(pairs=outcomes)
def test_swapping_the_arms_swaps_the_verdict(pairs: list[tuple[bool, bool]]) -> None:
    comparison = replayed([a for a, _ in pairs], [b for _, b in pairs], alpha=0.3)
    swapped = replayed([b for _, b in pairs], [a for a, _ in pairs], alpha=0.3)
    assert swapped.e_value == comparison.e_value
    assert swapped.decided_at == comparison.decided_at
    assert swapped.winner == {None: None, "first": "second", "second": "first"}[comparison.winner]
    low, high = comparison.interval()
    assert swapped.interval() == pytest.approx((-high, -low), abs=1e-9)


@given(pairs=outcomes)
def test_pairs_that_agree_change_no_evidence(pairs: list[tuple[bool, bool]]) -> None:
    everything = replayed([a for a, _ in pairs], [b for _, b in pairs])
    disagreeing = [(a, b) for a, b in pairs if a != b]
    rest = replayed([a for a, _ in disagreeing], [b for _, b in disagreeing])
    assert everything.e_value == rest.e_value
    assert everything.p_value == rest.p_value
    assert everything.n == len(pairs)


@given(pairs=outcomes)
def test_intervals_exclude_equality_exactly_when_the_evidence_suffices(
    pairs: list[tuple[bool, bool]],
) -> None:
    comparison = replayed([a for a, _ in pairs], [b for _, b in pairs], alpha=0.3)
    enough = comparison.e_value >= 1 / 0.3
    difference = paired_difference_sequence(comparison.counts, 0.7)
    assert enough == (difference.low > 0 or difference.high < 0)


def test_eight_wins_in_a_row_decide_and_seven_do_not() -> None:
    comparison = replayed([True] * 7, [False] * 7)
    assert not comparison.decided
    assert comparison.update(True, False)
    assert (comparison.winner, comparison.decided_at) == ("first", 8)


def test_a_decision_stands_whatever_follows() -> None:
    comparison = replayed([True] * 8 + [False] * 8, [False] * 8 + [True] * 8)
    assert comparison.e_value < 1
    assert comparison.decided
    assert (comparison.winner, comparison.decided_at, comparison.n) == ("first", 8, 16)
    assert comparison.p_value == pytest.approx(9 / 2**8)


def test_outcomes_of_numpy_count_like_pythons() -> None:
    first, second = np.array([True, True, False]), np.array([False, True, True])
    assert replayed(first, second).counts == PairedCounts(1, 1, 1, 0)


def test_summary_reads_as_a_sentence_with_the_arms_names() -> None:
    summary = replayed([True] * 9, [False] * 9).summary()
    text = summary.describe("FDP", "DP-DiT")
    assert text.startswith("FDP is better, decided after 8 pairs: of 9 pairs, only FDP succeeded in 9")
    assert "undecided after 1 pair:" in str(replayed([True], [True]).summary())
    assert summary.interval == paired_difference_sequence(summary.counts)


def test_evidence_of_a_million_pairs_stays_finite() -> None:
    assert math.isfinite(paired_e_value(PairedCounts(0, 1_000_000, 0, 0)))
    assert paired_e_value(PairedCounts(0, 500_000, 500_000, 0)) == pytest.approx(0.00125, rel=0.01)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1])
def test_levels_outside_the_unit_range_are_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        SequentialComparison(alpha)

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fdp_bench.stats import PairedCounts, count_pairs, decide, paired_difference_interval


def verdict_shares(
    pairs: int, discordant_rate: float, difference: float, *, runs: int = 1000, margin: float = 0.1
) -> dict[str, float]:
    """Share of simulated gates with each verdict; candidate minus baseline is `difference`."""
    agreeing = (1 - discordant_rate) / 2
    chances = [
        agreeing,
        (discordant_rate + difference) / 2,
        (discordant_rate - difference) / 2,
        1 - discordant_rate - agreeing,
    ]
    tables = np.random.default_rng(5).multinomial(pairs, chances, size=runs)
    shares = {"pass": 0.0, "regressed": 0.0, "undecided": 0.0}
    for table in tables:
        shares[decide(PairedCounts(*map(int, table)), margin=margin).verdict] += 1 / runs
    return shares


def test_verdicts_follow_the_ends_of_the_paired_interval() -> None:
    good = decide(PairedCounts(both=200, only_first=20, only_second=20, neither=60))
    bad = decide(PairedCounts(both=150, only_first=10, only_second=60, neither=80))
    unclear = decide(PairedCounts(both=20, only_first=3, only_second=4, neither=3))
    assert [good.verdict, bad.verdict, unclear.verdict] == ["pass", "regressed", "undecided"]
    assert good.interval == paired_difference_interval(PairedCounts(200, 20, 20, 60))
    assert bad.difference == pytest.approx(-50 / 300)
    assert unclear.discordant_rate == pytest.approx(7 / 30)


def test_a_loss_that_is_sure_but_within_the_margin_passes_and_is_named() -> None:
    decision = decide(PairedCounts(both=900, only_first=2, only_second=30, neither=68))
    assert decision.interval.high < 0
    assert decision.verdict == "pass"
    assert decision.is_worse_within_margin
    assert not decide(PairedCounts(900, 20, 20, 60)).is_worse_within_margin


@pytest.mark.parametrize(("pairs", "discordant_rate"), [(100, 0.2), (300, 0.4)])
def test_a_candidate_worse_by_the_margin_seldom_passes(pairs: int, discordant_rate: float) -> None:
    # Nominal 0.025; three standard errors of 1,000 runs above it.
    assert verdict_shares(pairs, discordant_rate, -0.1)["pass"] <= 0.025 + 0.015


def test_an_equal_candidate_is_seldom_accused() -> None:
    assert verdict_shares(60, 0.3, 0.0)["regressed"] <= 0.025 + 0.015


@pytest.mark.parametrize(("discordant_rate", "chance"), [(0.2, 0.97), (0.5, 0.69)])
def test_300_pairs_pass_an_equal_candidate_as_often_as_documented(
    discordant_rate: float, chance: float
) -> None:
    assert verdict_shares(300, discordant_rate, 0.0)["pass"] == pytest.approx(chance, abs=0.045)


def test_a_loss_of_15_points_is_caught() -> None:
    assert verdict_shares(300, 0.3, -0.15, runs=300)["regressed"] > 0.99


@pytest.mark.parametrize(
    "counts",
    [
        PairedCounts(both=60, only_first=20, only_second=20, neither=0),
        PairedCounts(both=20, only_first=3, only_second=4, neither=3),
        PairedCounts(both=40, only_first=10, only_second=16, neither=14),
    ],
)
def test_the_pairs_asked_for_decide_about_as_often_as_wanted(counts: PairedCounts) -> None:
    decision = decide(counts)
    assert decision.verdict == "undecided"
    needed = decision.pairs_needed
    assert needed is not None
    assert needed > counts.pairs
    shares = verdict_shares(needed, decision.discordant_rate, decision.difference, runs=500)
    assert shares["pass"] + shares["regressed"] == pytest.approx(0.8, abs=0.08)


def test_agreement_on_every_pair_so_far_does_not_make_the_pairs_needed_vanish() -> None:
    decision = decide(PairedCounts(both=10, only_first=0, only_second=0, neither=0))
    assert decision.verdict == "undecided"
    assert decision.pairs_needed is not None
    assert 30 <= decision.pairs_needed <= 100


def test_decided_gates_need_no_more_pairs() -> None:
    assert decide(PairedCounts(250, 5, 5, 40)).pairs_needed is None


@given(
    counts=st.builds(
        PairedCounts, st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)
    ),
    margin=st.floats(0.02, 0.9),
)
def test_a_wider_margin_never_turns_a_pass_into_anything_else(counts: PairedCounts, margin: float) -> None:
    assume(counts.pairs > 0)
    narrow, wide = decide(counts, margin=margin), decide(counts, margin=margin + 0.1)
    if narrow.verdict == "pass":
        assert wide.verdict == "pass"
    for decision in (narrow, wide):
        assert (decision.pairs_needed is None) == (decision.verdict != "undecided")
        assert decision.pairs_needed is None or decision.pairs_needed > counts.pairs


def test_identical_outcomes_pass_once_there_are_enough() -> None:
    outcomes = [True] * 25 + [False] * 25
    assert decide(count_pairs(outcomes, outcomes)).verdict == "pass"


@pytest.mark.parametrize("options", [{"margin": 0.0}, {"margin": 1.1}, {"power": 1.0}, {"confidence": 0.0}])
def test_arguments_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="outside"):
        decide(PairedCounts(1, 1, 1, 1), **options)


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="trials"):
        decide(PairedCounts(0, 0, 0, 0))

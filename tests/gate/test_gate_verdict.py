"""How arms combine into one verdict."""

import numpy as np
import pytest
from gate_data import flipped, rows

from fdp_bench.gate.verdict import EXIT_CODES, judge, p_worse
from fdp_bench.stats import PairedCounts, paired_difference_interval

EVEN = "+-" * 75
#: Loses about 7 and 13 points on 150 pairs.
SLIGHTLY_WORSE = flipped(EVEN, range(0, 40, 4))
WORSE = flipped(EVEN, range(0, 80, 4))


def judged(tmp_path, margin=0.1, **arms):
    """Judge candidates against `EVEN`, one arm each; names are options of a shift."""
    was = {("dp-dit", f"color@{level}"): EVEN for level in range(1, len(arms) + 1)}
    now = dict(zip(was, arms.values(), strict=True))
    return judge(rows(tmp_path, was, now), margin)


def test_equal_arms_pass(tmp_path):
    judgement = judged(tmp_path, first=EVEN, second=EVEN)

    assert (judgement.verdict, judgement.exit_code) == ("pass", 0)
    assert judgement.pairs_needed is None


def test_a_worse_arm_has_regressed(tmp_path):
    judgement = judged(tmp_path, first=WORSE)

    assert (judgement.verdict, judgement.exit_code) == ("regressed", 1)
    assert judgement.arms[0].comparison.interval.high < 0


def test_too_few_pairs_cannot_tell_and_say_how_many_would(tmp_path):
    judgement = judge(
        rows(tmp_path, {("dp-dit", "clean"): "+-+-+-+-"}, {("dp-dit", "clean"): "+--++-+-"}), 0.1
    )

    assert (judgement.verdict, judgement.exit_code) == ("undecided", 3)
    assert judgement.pairs_needed > 8


def test_one_regressed_arm_among_good_ones_fails_the_whole(tmp_path):
    judgement = judged(tmp_path, first=EVEN, second=WORSE, third=EVEN)

    assert [arm.verdict for arm in judgement.arms] == ["pass", "regressed", "pass"]
    assert judgement.exit_code == 1


def test_one_undecided_arm_among_good_ones_keeps_the_whole_from_passing(tmp_path):
    unsure = flipped(EVEN, [*range(0, 100, 4), *range(1, 37, 2)])
    judgement = judged(tmp_path, first=EVEN, second=unsure)

    assert [arm.verdict for arm in judgement.arms] == ["pass", "undecided"]
    assert judgement.exit_code == 3


def test_a_regressed_arm_outweighs_one_that_cannot_be_told(tmp_path):
    unsure = flipped(EVEN, [*range(0, 100, 4), *range(1, 37, 2)])
    judgement = judged(tmp_path, first=unsure, second=WORSE)

    assert [arm.verdict for arm in judgement.arms] == ["undecided", "regressed"]
    assert (judgement.verdict, judgement.exit_code) == ("regressed", 1)


def test_worse_by_less_than_the_margin_passes(tmp_path):
    judgement = judged(tmp_path, margin=0.2, first=SLIGHTLY_WORSE)

    assert judgement.arms[0].comparison.interval.high < 0
    assert judgement.arms[0].decision.is_worse_within_margin
    assert judgement.verdict == "pass"


def test_a_regression_that_several_arms_could_give_by_chance_is_not_called_one(tmp_path):
    # Alone its p-value is about 0.03: two arms make that 0.06.
    borderline = flipped(EVEN, [*range(0, 60, 4), *range(1, 11, 2)])
    alone = judged(tmp_path / "alone", margin=0.05, first=borderline)
    beside = judged(tmp_path / "beside", margin=0.05, first=borderline, second=EVEN)

    assert 0.025 < alone.arms[0].p_worse < 0.05
    assert alone.verdict == "regressed"
    assert beside.arms[0].verdict == "undecided"
    assert beside.arms[0].decision.pairs_needed > 150
    assert beside.exit_code == 3


def test_holm_spares_the_second_arm_when_the_first_is_far_worse(tmp_path):
    borderline = flipped(EVEN, [*range(0, 60, 4), *range(1, 11, 2)])
    both = judged(tmp_path, margin=0.05, first=borderline, second=WORSE)

    assert [arm.verdict for arm in both.arms] == ["regressed", "regressed"]


def test_more_equal_arms_raise_no_more_false_alarms():
    """Four equal arms of 150 pairs that disagree on a third: a regression is called in 2.5% of checks, not in 10%."""
    generator = np.random.default_rng(7)
    checks, arms = 200, 4
    alarms = 0
    for lost_and_gained in generator.multinomial(150, [1 / 6, 1 / 6, 2 / 3], size=(checks, arms))[..., :2]:
        counts = [
            PairedCounts(50, int(won), int(lost), 100 - int(won + lost)) for lost, won in lost_and_gained
        ]
        # Holm's first step, which decides whether any arm is called regressed, as `judge` takes it by its p-values.
        alarms += any(paired_difference_interval(pair, 1 - 0.05 / arms).high < 0 for pair in counts)
    assert 0 < alarms <= 0.06 * checks


def test_the_p_value_is_where_the_interval_reaches_zero():
    counts = PairedCounts(both=60, only_first=5, only_second=17, neither=18)
    p = p_worse(counts)

    assert (
        paired_difference_interval(counts, 1 - p * 1.01).high
        < 0
        < paired_difference_interval(counts, 1 - p * 0.99).high
    )
    assert p_worse(PairedCounts(60, 9, 9, 22)) == 1.0
    assert p_worse(PairedCounts(60, 17, 5, 18)) == 1.0


def test_nothing_to_judge_is_an_error():
    with pytest.raises(ValueError, match="no arm"):
        judge([], 0.1)


def test_the_exit_codes_are_those_of_the_manual():
    from fdp_bench.cli import check

    assert EXIT_CODES == {"pass": 0, "regressed": 1, "undecided": 3}
    assert "0  passed" in check.__doc__
    assert "1  regressed" in check.__doc__
    assert "3  cannot tell" in check.__doc__

import numpy as np
import pytest
from inspectors import Arrow

from fdp_bench.api import Contribution, HeldOutLosses, WeightFacts
from fdp_bench.diagnose.senses import ActionChange
from fdp_bench.diagnose.success import Difference
from fdp_bench.diagnose.verdicts import (
    FOUND,
    NOT_FOUND,
    UNKNOWN,
    changed_base,
    failure_verdicts,
    has_failures,
    lazy_residual,
    notes,
    overfitted_base,
)

MOVES = ActionChange("vision swapped", 0.3, 0.2, 0.4)
STILL = ActionChange("vision swapped", 0.02, 0.01, 0.04)
UNSURE = ActionChange("vision swapped", 0.03, 0.01, 0.09)


def losses(rise=(0.2, 0.5, 0.9), source="card", history=((100, 0.5), (200, 0.4)), **more):
    return HeldOutLosses(
        source, 0.3, base=0.4, base_history=history, shuffled={"vision": 0.4}, rise={"vision": rise}, **more
    )


def test_a_residual_that_listens_is_not_accused():
    assert lazy_residual("vision", [MOVES], [losses()], {}).state == NOT_FOUND
    assert lazy_residual("vision", [UNSURE], [losses()], {}).state == NOT_FOUND


@pytest.mark.parametrize(
    ("changes", "rise"),
    [
        ([STILL], (0.2, 0.5, 0.9)),
        ([MOVES], (-0.01, 0.1, 0.3)),
        ([MOVES], (0.01, 0.02, 0.04)),
        ([], (0.0, 0.0, 0.0)),
    ],
    ids=["actions stand still", "rise not told from 0", "rise below 5%", "no rise"],
)
def test_a_deaf_residual_is_lazy_by_its_actions_or_by_its_loss(changes, rise):
    verdict = lazy_residual("vision", changes, [losses(rise)], {})

    assert verdict.state == FOUND
    assert "min-snr" in verdict.text


@pytest.mark.parametrize(("size", "state"), [(0.0, FOUND), (0.0099, FOUND), (0.011, NOT_FOUND)])
def test_a_residual_that_adds_next_to_nothing_is_lazy_whatever_else_is_known(size, state):
    assert lazy_residual("vision", [MOVES], [losses()], {"as it is": traced(size)}).state == state


def test_what_was_measured_now_counts_more_than_the_card():
    verdict = lazy_residual("vision", [MOVES], [losses(), losses((-0.1, 0.0, 0.1), source="measured")], {})

    assert verdict.state == FOUND
    assert "(measured)" in verdict.text


def test_without_any_figure_laziness_is_unknown():
    assert lazy_residual("vision", [], [], {}).state == UNKNOWN


@pytest.mark.parametrize(
    ("last", "state"), [(0.40, NOT_FOUND), (0.419, NOT_FOUND), (0.421, FOUND), (0.9, FOUND)]
)
def test_a_base_is_overfitted_from_five_percent_above_its_lowest_loss(last, state):
    verdict = overfitted_base([losses(history=((100, 0.5), (200, 0.4), (300, last)))])

    assert verdict.state == state
    assert "step 200" in verdict.text


def test_a_base_without_a_log_is_not_judged():
    assert overfitted_base([losses(history=())]).state == UNKNOWN
    assert overfitted_base([]).state == UNKNOWN


def test_a_base_is_changed_when_its_hash_is_not_the_frozen_one():
    assert changed_base(WeightFacts({}, "a" * 64, "a" * 64)).state == NOT_FOUND
    assert changed_base(WeightFacts({}, "a" * 64, "b" * 64)).state == FOUND
    assert changed_base(WeightFacts({}, "", "b" * 64)).state == UNKNOWN


def test_a_policy_without_a_residual_cannot_fail_so():
    assert failure_verdicts(Arrow(), [STILL], [losses()], None, {}) == []


def test_unknown_is_no_failure():
    verdicts = failure_verdicts(Arrow(), [], [], WeightFacts(), {})

    assert {verdict.state for verdict in verdicts} == {UNKNOWN}
    assert not has_failures(verdicts)
    assert has_failures(failure_verdicts(Arrow(), [STILL], [], WeightFacts(), {}))


def traced(value):
    return Contribution((99,), (), np.zeros((1, 0)), np.array([value]))


def test_a_composition_below_its_base_is_noted_with_what_the_residual_adds():
    worse = Difference("vision black", "base alone", -0.5, -0.7, -0.2, 0.001)
    noted = notes(Arrow(), [], [], [worse], {"as it is": traced(0.05), "vision black": traced(0.25)})

    assert [verdict.name for verdict in noted] == ["residual does not step aside"]
    assert "50 points" in noted[0].text
    assert "20 to 70" in noted[0].text
    assert "5.0 times" in noted[0].text
    assert "p = 0.001" in noted[0].text
    assert "sure" not in noted[0].text
    assert not has_failures(noted)


def test_a_tiny_p_value_is_not_shown_as_nought():
    worse = Difference("vision black", "base alone", -0.5, -0.7, -0.2, 1e-7)

    assert "p < 0.001" in notes(Arrow(), [], [], [worse], {})[0].text


def test_a_note_that_many_tests_make_doubtful_says_so():
    worse = Difference("vision black", "base alone", -0.4, -0.7, -0.1, 0.2)

    assert "make it sure" in notes(Arrow(), [], [], [worse], {})[0].text


def test_a_composition_that_keeps_up_with_its_base_is_not_noted():
    same = Difference("vision black", "base alone", -0.1, -0.3, 0.1, 0.5)

    assert notes(Arrow(), [MOVES], [losses()], [same], {}) == []


def test_deafness_of_a_joint_policy_overfitted_residuals_and_foreign_files_are_noted():
    deaf = ActionChange("prop swapped", 0.01, 0.0, 0.02)
    loss = HeldOutLosses("measured", whole=0.5, base=0.4, unseen=False)

    names = [verdict.name for verdict in notes(Arrow(), [deaf, STILL], [loss], [], {})]

    assert names == ["does not listen", "composition predicts worse than its base", "other demonstrations"]

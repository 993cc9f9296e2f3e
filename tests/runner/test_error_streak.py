"""Equal errors in a row of an arm."""

import pytest

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RepeatedError
from fdp_bench.runner.error_streak import ErrorStreak
from fdp_bench.toy import TOY_TASK


def record(index, error="", policy="seeker"):
    spec = EpisodeSpec(TOY_TASK, policy, "", "clean", 0.0, index, 0)
    return EpisodeRecord(
        spec, "error" if error else "ok", False, False, 1, error=error, traceback=f"at {error}"
    )


def take(errors, max_errors=0, policy="seeker"):
    streak = ErrorStreak(max_errors)
    for index, error in enumerate(errors):
        streak.take(record(index, error, policy))


def test_the_third_equal_error_in_a_row_stops_and_names_arm_error_and_remedy():
    with pytest.raises(
        RepeatedError, match=r"3 episodes in a row of seeker, clean, .* no key; .*--retry-errors"
    ) as raised:
        take(["no key"] * 3)
    assert raised.value.traceback == "at no key"


@pytest.mark.parametrize(
    "errors", [["a", "a"], ["a", "a", "", "a", "a"], ["a", "a", "b", "b", "a"], [""] * 9], ids=str
)
def test_fewer_or_others_between_do_not(errors):
    take(errors)


def test_arms_are_counted_apart():
    streak = ErrorStreak(0)
    for index in range(2):
        for policy in ("seeker", "blind"):
            streak.take(record(index, "a", policy))


def test_errors_that_may_be_let_the_run_go_on():
    take(["a"] * 5, max_errors=5)
    with pytest.raises(RepeatedError, match="6 episodes in a row"):
        take(["a"] * 6, max_errors=5)


def test_without_a_limit_nothing_stops():
    take(["a"] * 20, max_errors=None)

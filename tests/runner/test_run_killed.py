"""Kill -9 at random moments: nothing is lost, nothing doubled, and the end is that of an undisturbed run."""

import pytest
from killing import kill_at_random, workers_of

pytestmark = pytest.mark.usefixtures("fakes")


def check(tally, moments):
    assert sum(tally.kills.values()) == moments
    assert (tally.lost, tally.doubled, tally.different, tally.failures) == (0, 0, 0, [])


def test_a_few_kills_lose_nothing(tmp_path, fakes_environment):
    check(kill_at_random(tmp_path, fakes_environment, moments=4, seed=1), 4)


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(tmp_path, fakes_environment):
    tally = kill_at_random(tmp_path, fakes_environment, moments=100, seed=0, delay_s=0.1)

    check(tally, 100)
    assert min(tally.kills.values()) >= 25
    # Moments before, in and after the episodes.
    assert len(set(tally.records_at_kill)) >= 5


def test_a_process_without_workers_has_none():
    assert workers_of(1 << 30) == []

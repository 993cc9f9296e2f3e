"""A limit on the wall time of a call."""

import signal
import time

import pytest

from fdp_bench.runner.rollout.plugin_calls import TooSlow, time_limit


def test_what_is_slow_is_broken_off_even_where_it_catches_everything():
    done = []

    def slow():
        with time_limit(0.05):
            try:
                time.sleep(5.0)
            except Exception:
                done.append("caught")

    with pytest.raises(TooSlow, match=r"act took longer than the 0\.05 s of --act-timeout"):
        slow()

    assert done == []


def test_what_cannot_be_broken_off_is_found_out_afterwards():
    def deaf():
        with time_limit(0.05):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(0.1)
            # Taken off before it can ring.
            signal.sigtimedwait({signal.SIGALRM}, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    with pytest.raises(TooSlow):
        deaf()


def test_what_is_quick_leaves_no_alarm_behind():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(60.0):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0.0

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_without_a_limit_nothing_is_timed():
    with time_limit(0.0):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

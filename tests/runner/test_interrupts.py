"""Signals that end a run, and what they must not break off."""

import os
import signal
import threading

import pytest

from fdp_bench.runner.interrupts import (
    RunInterruptedError,
    Terminated,
    defer_signals,
    exit_code_of,
    terminable,
)


@pytest.fixture(autouse=True)
def _listening():
    """Below `nohup` SIGHUP is ignored, and every process inherits that."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_end_beside_the_episodes_is_no_traceback(number, code):
    before = signal.getsignal(number)

    @terminable()
    def check():
        os.kill(os.getpid(), number)
        pytest.fail("the signal ended nothing")

    with pytest.raises(RunInterruptedError, match="no episode was under way") as caught:
        check()

    assert caught.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_run_below_nohup_outlives_its_terminal():
    done = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable(), defer_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            done.append("first")
        with terminable():
            os.kill(os.getpid(), signal.SIGHUP)
            done.append("second")
    finally:
        signal.signal(signal.SIGHUP, before)

    assert done == ["first", "second"]


def test_an_ignored_signal_hides_no_other_one():
    def work():
        with defer_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_handler_of_somebody_else_stays():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with terminable():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert seen == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("number", "error", "code"),
    [
        (signal.SIGINT, KeyboardInterrupt, 130),
        (signal.SIGTERM, Terminated, 143),
        (signal.SIGHUP, Terminated, 129),
    ],
)
def test_what_belongs_together_is_done_before_a_signal_counts(number, error, code):
    done = []

    def work():
        with defer_signals():
            os.kill(os.getpid(), number)
            done.append("all of it")
        done.append("too much")

    with terminable(), pytest.raises(error) as caught:
        work()

    assert done == ["all of it"]
    assert exit_code_of(caught.value) == code


def test_in_another_thread_nothing_is_changed():
    found = []

    def work():
        with terminable(), defer_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found == [before]

"""A spawned process as its parent sees it: silent, dead, or out of its mind."""

import pytest
from hostile import (
    beat_then_answer,
    end_by_a_nameless_signal,
    hang_and_tell_in_pieces,
    hang_while_checking,
    hang_with_a_stopped_clock,
    send_rubbish,
    speak_and_die,
)

from fdp_bench.api import RunError
from fdp_bench.runner.processes.process import Child, ProcessLostError
from fdp_bench.runner.processes.process_setup import starting


@pytest.fixture
def start():
    """Starts a process; ended after the test."""
    started = []

    def call(target):
        with starting():
            started.append(Child("a process", target, ()))
        return started[-1]

    yield call
    for each in started:
        each.kill()
        each.join()


@pytest.mark.parametrize("target", [hang_while_checking, hang_with_a_stopped_clock, hang_and_tell_in_pieces])
def test_a_process_that_hangs_before_the_run_is_ended_and_says_with_what(start, monkeypatch, target):
    # As long as it takes on a busy machine.
    monkeypatch.setattr("fdp_bench.runner.processes.process._DUMP_S", 60.0)
    process = start(target)
    # Until it is up, any time.
    assert process.connection.poll(600.0)

    with pytest.raises(
        RunError, match="no sign of life for 1 s after it began with policy 'sleeper'"
    ) as caught:
        process.receive_within(1.0)

    assert '(File "' in str(caught.value)
    assert not process.is_alive


def test_signs_of_life_are_waited_for(start, monkeypatch):
    monkeypatch.setattr("fdp_bench.runner.processes.process._LOOK_S", 0.05)
    process = start(beat_then_answer)
    assert process.connection.poll(600.0)

    assert process.receive_within(60.0) == "done"


def test_what_a_process_said_before_its_death_is_heard_though_it_can_be_sent_nothing(start):
    process = start(speak_and_die)
    process._process.join()
    for _ in range(3):
        process.send("are you there?")

    assert [process.receive(), process.receive()] == ["first", "second"]
    with pytest.raises(ProcessLostError, match="a process was ended by SIGKILL"):
        process.receive()


def test_a_process_that_sends_what_cannot_be_read_is_ended(start):
    process = start(send_rubbish)

    with pytest.raises(ProcessLostError, match=r"a process sent what cannot be read \(ValueError\)"):
        process.receive()

    assert not process.is_alive


def test_a_signal_without_a_name_is_told_by_its_number(start):
    process = start(end_by_a_nameless_signal)

    with pytest.raises(ProcessLostError, match="a process was ended by signal 40"):
        process.receive()

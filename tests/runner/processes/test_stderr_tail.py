"""What a process says last is passed on and kept, and nobody waits for it."""

import os
from multiprocessing import Pipe

import pytest

from fdp_bench.runner.processes.stderr_tail import TAIL_CHARACTERS, StderrTail


@pytest.fixture
def said(capfd):
    """Say something through a pipe: its tail, and what was passed on."""

    def call(text):
        listening, speaking = Pipe(duplex=False)
        words = StderrTail(listening)
        os.write(speaking.fileno(), text.encode())
        speaking.close()
        return words.tail(), capfd.readouterr().err

    return call


def test_what_is_said_is_passed_on_and_kept(said):
    assert said("first\nlast\n") == ("first\nlast", "first\nlast\n")


def test_only_the_end_is_kept(said):
    tail, shown = said("a" * 5_000 + "b" * 100)

    assert tail == "a" * (TAIL_CHARACTERS - 100) + "b" * 100
    assert len(shown) == 5_100


def test_the_dump_of_a_crash_is_kept_from_its_start_and_without_the_list_of_modules(said):
    dump = "Fatal Python error: Segmentation fault\n" + "\n".join(f"  File {number}" for number in range(400))

    tail, _ = said("x" * 500 + dump + "\nExtension modules: numpy, torch (total: 2)\n")

    assert tail.startswith("Fatal Python error: Segmentation fault\n  File 0\n")
    assert len(tail) == TAIL_CHARACTERS
    assert "Extension modules" not in tail


def test_nobody_waits_where_there_is_no_standard_error(monkeypatch):
    def refuse(descriptor, data):
        raise BrokenPipeError

    listening, speaking = Pipe(duplex=False)
    write = os.write
    monkeypatch.setattr(os, "write", refuse)
    words = StderrTail(listening)
    for _ in range(40):
        # More than a pipe holds.
        write(speaking.fileno(), b"x" * 10_000)
    speaking.close()

    assert words.tail() == "x" * TAIL_CHARACTERS

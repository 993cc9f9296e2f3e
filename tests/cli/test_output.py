"""A reader that has gone changes nothing of how a command ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fdp_bench.cli._output import outlive_readers

#: A device that is always full.
FULL = Path("/dev/full")
#: Prints when its reader has gone, and ends with an exit code of its own.
WRITER = """
import sys, time
from pathlib import Path
from fdp_bench.cli._output import outlive_readers
outlive_readers()
Path({ready!r}).touch()
while not Path({gone!r}).exists():
    time.sleep(0.01)
for stream in (sys.stdout, sys.stderr):
    print("x" * 100_000, file=stream)
    stream.flush()
sys.exit(7)
"""


def pipe():
    return os.pipe()


def terminal():
    return os.openpty()


@pytest.mark.parametrize("opened", [pipe, terminal])
def test_what_nobody_reads_is_dropped_and_the_exit_code_stays(opened, tmp_path):
    ready, gone = tmp_path / "ready", tmp_path / "gone"
    reading, writing = opened()
    script = WRITER.format(ready=str(ready), gone=str(gone))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=writing, stderr=writing)
    os.close(writing)
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.close(reading)
    gone.touch()

    assert process.wait() == 7


def test_a_command_ends_well_when_whoever_read_it_has_left():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "fdp_bench.cli.main", "list", "--suites"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this machine")
def test_a_full_disk_is_no_reader_that_has_gone():
    script = "from fdp_bench.cli._output import outlive_readers; outlive_readers(); print('x', flush=True)"
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert done.returncode != 0
    assert b"No space left" in done.stderr


def test_no_file_takes_the_place_of_what_was_closed_from_the_start(tmp_path):
    script = (
        "import subprocess, sys; from fdp_bench.cli._output import outlive_readers; outlive_readers();"
        "print('lost', flush=True); file = open(sys.argv[1], 'w');"
        "code = subprocess.call([sys.executable, '-c', 'print(1, flush=True); open(2, closefd=False)']);"
        "file.write(f'{file.fileno()} {code}')"
    )
    shell = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable, script, str(tmp_path / "file")], check=False)

    assert done.returncode == 0
    number, code_of_child = map(int, (tmp_path / "file").read_text().split())
    assert number > 2
    assert code_of_child == 0


def test_lines_are_not_held_back_where_nothing_is_to_be():
    script = "from fdp_bench.cli._output import outlive_readers; outlive_readers(); print('now'); input()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"now\n"
    finally:
        process.communicate(b"\n")
    assert process.returncode == 0


def test_streams_that_were_put_in_their_place_stay(capsys):
    before = sys.stdout, sys.stderr
    outlive_readers()

    assert (sys.stdout, sys.stderr) == before

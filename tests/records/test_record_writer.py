"""What reaches the disk, and when: full disks, read-only ones, held locks, network file systems."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace

import pytest
from record_data import manifest, record

from fdp_bench.api import RunError
from fdp_bench.records import RunStore, writer
from fdp_bench.records.store import check_new_folder, read_records
from fdp_bench.records.writer import RecordWriter, file_system, lock_limits

MOUNTS = """\
21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw - proc proc rw
40 21 0:44 / {home} rw,relatime shared:7 - nfs4 server:/home rw
41 40 0:45 / {home}/a\\040b rw - tmpfs tmpfs rw
42 21 0:46 / {sshfs} rw - fuse.sshfs me@there:/ rw
"""


@pytest.fixture
def store(tmp_path):
    return RunStore.create(tmp_path / "run", manifest())


class FullDisk:
    """A file on a disk with room for so many bytes."""

    def __init__(self, handle, room):
        self._handle, self._room = handle, room

    def write(self, data):
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(len(data), self._room)
        self._room -= taken
        return self._handle.write(data[:taken])

    def __getattr__(self, name):
        return getattr(self._handle, name)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk_stops_with_a_clear_error_and_whole_records(store, room):
    with store.writer() as append:
        append(record(0))
    whole = store.episodes_path.read_bytes()

    with store.episodes_path.open("a+b", buffering=0) as handle:
        append = RecordWriter(FullDisk(handle, room), store.episodes_path)
        with pytest.raises(RunError, match="no space is left on the disk"):
            append(record(1))

    assert store.episodes_path.read_bytes() == whole


def test_a_line_that_the_system_takes_in_pieces_arrives_whole(store):
    class Slow(FullDisk):
        def write(self, data):
            return self._handle.write(data[:7])

    with store.episodes_path.open("a+b", buffering=0) as handle:
        RecordWriter(Slow(handle, 1), store.episodes_path)(record(0))

    assert store.records() == [record(0)]


def test_a_device_that_is_always_full_is_no_traceback(tmp_path):
    with open("/dev/full", "a+b", buffering=0) as handle, pytest.raises(RunError, match="no space is left"):  # noqa: PTH123
        RecordWriter(handle, tmp_path / "episodes.jsonl")(record(0))


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "error"),
    ],
)
def test_a_manifest_that_cannot_be_replaced_stays_and_says_why(store, monkeypatch, number, why):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(RunError, match=why):
        store.update_manifest(manifest(protocol={"seed_protocol": "new"}))

    assert store.manifest().protocol == {}
    assert {path.name for path in store.path.iterdir()} == {"manifest.json", "episodes.jsonl"}


def test_records_are_made_durable_at_once_then_together(store, monkeypatch):
    # What the writer does without its own thread, which has its tests below.
    monkeypatch.setattr(writer.RecordWriter, "syncing", lambda append: nullcontext())
    synced, clock, interval = [], [100.0], writer.SYNC_INTERVAL_S
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(len(read_records(store.episodes_path))))
    monkeypatch.setattr(writer.time, "monotonic", lambda: clock[0])
    with store.writer() as append:
        for index, seconds in enumerate((0.0, 0.1, 0.8, 0.2)):
            clock[0] += seconds * interval
            append(record(index))
        assert synced == [1, 4]
        append(record(4))
        append.sync()
        assert synced == [1, 4]
        clock[0] += interval
        append.sync()
        append.sync()
        assert synced == [1, 4, 5]
        append(record(5))

    assert synced == [1, 4, 5, 6]


@pytest.fixture
def only_the_thread(monkeypatch):
    """From this event on only the writer's own thread finds that records are due, however slow the machine is."""
    armed = threading.Event()

    def clock():
        if threading.current_thread() is threading.main_thread():
            return 100.0
        return 200.0 if armed.is_set() else 0.0

    monkeypatch.setattr(writer.time, "monotonic", clock)
    return armed


def test_records_become_durable_while_the_run_is_busy_with_something_else(
    store, monkeypatch, only_the_thread
):
    synced, all_synced = [], threading.Event()

    def sync(descriptor):
        synced.append(len(read_records(store.episodes_path)))
        if synced[-1] == 2:
            all_synced.set()

    monkeypatch.setattr(os, "fsync", sync)
    with store.writer() as append:
        append(record(0))
        append(record(1))
        only_the_thread.set()

        # As long as it takes on a busy machine; without a hand of its own, for ever.
        assert all_synced.wait(120.0)

    assert synced == [1, 2]


def test_a_disk_that_refuses_behind_the_scenes_stops_the_next_record(store, monkeypatch, only_the_thread):
    refused = threading.Event()

    def refuse(descriptor):
        if threading.current_thread() is threading.main_thread():
            return
        refused.set()
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", refuse)
    with store.writer() as append:
        append(record(0))
        append(record(1))
        only_the_thread.set()
        assert refused.wait(120.0)
        with pytest.raises(RunError, match="no space is left on the disk"):  # noqa: PT012
            while True:
                append(record(2))

    assert store.records()[:2] == [record(0), record(1)]


def second_writer(store):
    code = (
        "import sys; from pathlib import Path; from fdp_bench.records import RunStore\n"
        "with RunStore.open(Path(sys.argv[1])).writer(): pass"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=False
    )


def test_the_second_writer_is_told_who_holds_the_lock(store):
    with store.writer(), store.writer(retest=True):
        since = json.loads((store.path / "episodes.writer.json").read_text())["since"]
        shown = second_writer(store).stderr

    who = f"(process {os.getpid()} on {socket.gethostname()}, since {since})"
    assert f"another process is writing run {str(store.path)!r} {who}; wait until it ends" in shown


def test_a_new_run_in_the_folder_of_one_that_runs_is_told_who_writes_it(store):
    with (
        store.writer(),
        pytest.raises(RunError, match=rf"writing run .*process {os.getpid()} on .*another --out"),
    ):
        check_new_folder(store.path)

    with pytest.raises(RunError, match="is not empty"):
        check_new_folder(store.path)


def test_of_two_runs_that_make_one_folder_at_once_one_is_refused(tmp_path, monkeypatch):
    # Both have found it empty.
    monkeypatch.setattr("fdp_bench.records.store.check_new_folder", lambda path: None)
    first = RunStore.create(tmp_path / "run", replace(manifest(), name="first"))

    with pytest.raises(RunError, match="is not empty"):
        RunStore.create(tmp_path / "run", replace(manifest(), name="second"))
    with first.writer(), pytest.raises(RunError, match="another process is writing"):
        RunStore.create(tmp_path / "run", replace(manifest(), name="third"))

    assert first.manifest().name == "first"


def test_the_retest_file_does_not_hide_who_writes_the_run(store):
    with store.writer():
        with store.writer(retest=True):
            pass
        assert f"process {os.getpid()}" in second_writer(store).stderr


def test_a_writer_that_was_killed_holds_nothing(store):
    code = (
        "import os, signal, sys; from pathlib import Path; from fdp_bench.records import RunStore\n"
        "with RunStore.open(Path(sys.argv[1])).writer(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=False)
    assert (store.path / "episodes.writer.json").exists()

    with store.writer() as append:
        append(record(0))

    assert store.records() == [record(0)]
    assert not (store.path / "episodes.writer.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"host": "a", "pid": "x", "since": 1}'])
def test_a_note_of_the_holder_that_makes_no_sense_is_passed_over(store, text):
    with store.writer():
        (store.path / "episodes.writer.json").write_text(text)
        assert "; wait until it ends" in second_writer(store).stderr


def test_a_file_system_without_locks_can_be_written(store, monkeypatch):
    def refuse(handle, how):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(writer.fcntl, "flock", refuse)
    with store.writer() as append:
        append(record(0))

    assert store.records() == [record(0)]


def test_a_network_file_system_is_noticed_and_the_locks_limits_are_said(tmp_path):
    home, sshfs = tmp_path / "home", tmp_path / "far"
    (home / "a b").mkdir(parents=True)
    sshfs.mkdir()
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(home=home, sshfs=sshfs))

    assert file_system(home / "me" / "run", mounts) == "nfs4"
    assert file_system(home / "a b" / "run", mounts) == "tmpfs"
    assert file_system(tmp_path / "homely", mounts) == "ext4"
    assert "network file system (nfs4)" in lock_limits(home / "run", mounts)
    assert "fuse.sshfs" in lock_limits(sshfs / "run", mounts)
    assert lock_limits(tmp_path, mounts) is None
    assert lock_limits(tmp_path, tmp_path / "nothing") is None

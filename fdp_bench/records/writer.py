"""The only writer of a records file: one at a time, each line durable within a second, at most one line torn."""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.api.errors import RunError

#: What a file beside a records file is called that says who writes it: ``host``, ``pid`` and ``since``. It only
#: informs; what counts is the lock on the records file, which the system releases however the process ends.
HOLDER_SUFFIX = ".writer.json"
#: Records that came in within this time are made durable together, seconds; with what `_sync_in_time` adds to it, none
#: waits longer than a second for the disk to be asked.
SYNC_INTERVAL_S = 0.75
#: File systems that other machines can write too, by their names in ``/proc/self/mountinfo``; there and on anything
#: mounted by FUSE a lock may be this machine's alone.
NETWORK_FILE_SYSTEMS = frozenset(
    [
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "lustre",
            "ceph",
            "gpfs",
            "beegfs",
            "afs",
            "9p",
            "gfs2",
            "ocfs2",
        ),
        *("glusterfs", "orangefs", "pvfs2", "panfs", "wekafs", "coda", "virtiofs"),
    ]
)
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class RecordWriter:
    """Appends records to a file that it holds the lock of; call it with each record.

    A record that was taken is in the operating system's hands, so that it outlives this process. `sync` sees to it
    that it outlives the machine, too.

    Args:
        handle: The file, unbuffered, opened for appending.
        path: Its path, for errors.
    """

    def __init__(self, handle: BinaryIO, path: Path) -> None:
        self._handle, self._path = handle, path
        self._place = path.absolute()
        self._length = handle.seek(0, os.SEEK_END)
        self._unsynced = False
        self._synced_at = 0.0
        self._flag = threading.Lock()
        self._late_error: RunError | None = None

    def __call__(self, record: EpisodeRecord) -> None:
        """Append a record.

        Raises:
            RunError: If it cannot be written; the file then holds the records before it, whole.
            ValueError: If the record holds a number that JSON does not know.
        """
        line = json.dumps(record.to_json(), sort_keys=True, allow_nan=False) + "\n"
        rest = memoryview(line.encode())
        with self._explained():
            try:
                while rest:
                    rest = rest[self._handle.write(rest) or 0 :]
            except OSError:
                # Part of the line may be there; readers pass over it, but whole is better.
                with suppress(OSError):
                    self._handle.truncate(self._length)
                raise
        self._length += len(line.encode())
        self._unsynced = True
        self.sync()

    def sync(self, *, now: bool = False) -> None:
        """Make what was appended outlive the machine, if that is due.

        Args:
            now: Whether to do so at once, and not only every `SYNC_INTERVAL_S`.

        Raises:
            RunError: If the disk refuses, or nobody would find what is written.
        """
        if self._late_error is not None:
            raise self._late_error
        with self._flag:
            is_due = self._unsynced and (now or time.monotonic() - self._synced_at >= SYNC_INTERVAL_S)
            if not is_due:
                return
            # Before the disk is asked: what is appended meanwhile waits for the next time.
            self._unsynced = False
        try:
            with self._explained():
                os.fsync(self._handle.fileno())
                self._check_place()
        except RunError:
            self._unsynced = True
            raise
        self._synced_at = time.monotonic()

    def _check_place(self) -> None:
        """What was removed or moved away takes records as before; a night's run would end in nothing."""
        try:
            self._place.stat()
        except FileNotFoundError:
            raise RunError(f"{str(self._path)!r} is no longer there") from None

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Sync in time while the block runs, whatever the caller is busy with: a worker's end may take long."""
        stop = threading.Event()
        thread = threading.Thread(target=self._sync_in_time, args=(stop,), name="sync", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _sync_in_time(self, stop: threading.Event) -> None:
        while not stop.wait(SYNC_INTERVAL_S / 4):
            try:
                self.sync()
            except RunError as error:
                self._late_error = error
                return

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(unwritable(self._path, error)) from error


@contextmanager
def exclusive_writer(path: Path) -> Iterator[RecordWriter]:
    """Hold a records file's lock, cut off a torn last line, and append.

    Raises:
        RunError: If another process holds it, or the file cannot be written.
    """
    try:
        refuse_link(path)
        handle = path.open("a+b", buffering=0)
    except OSError as error:
        raise RunError(unwritable(path, error)) from error
    holder = path.with_suffix(HOLDER_SUFFIX)
    with handle:
        _lock(handle, path.parent, holder)
        try:
            handle.truncate(complete_length(path.read_bytes()))
        except OSError as error:
            raise RunError(unwritable(path, error)) from error
        _note_holder(holder)
        writer = RecordWriter(handle, path)
        try:
            with writer.syncing():
                yield writer
        finally:
            # Not worth hiding the error that may be under way.
            with suppress(RunError):
                writer.sync(now=True)
            with suppress(OSError):
                holder.unlink()


def being_written(path: Path) -> str:
    """Who writes a records file at this moment, as an error says it; empty for nobody, or where nobody can know."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _busy(path.parent, path.with_suffix(HOLDER_SUFFIX))
    except OSError:
        return ""
    return ""


def refuse_link(path: Path) -> None:
    """Refuse a symbolic link where a run keeps its files: a stranger's may lead to any file of the user's.

    Raises:
        RunError: If it is one.
    """
    if path.is_symlink():
        raise RunError(
            f"{str(path)!r} is a symbolic link, which may lead out of the run; put what it leads to in its place"
        )


def complete_length(data: bytes) -> int:
    """Bytes up to the end of the last whole line: what is behind it was torn off by a crash."""
    return data.rfind(b"\n") + 1


def unwritable(path: Path, error: OSError) -> str:
    """What is wrong with a file of a run that cannot be written, and what to do."""
    folder = path.parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{str(path)!r} cannot be written: no space is left on the disk; make room"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        why = "the file system is read-only" if error.errno == errno.EROFS else "permission denied"
        return f"{str(path)!r} cannot be written: {why}; make {str(folder)!r} writable"
    return f"{str(path)!r} cannot be written: {error.strerror or error}"


def lock_limits(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """What a user must know of a run's lock where the folder lies on a network file system; None elsewhere.

    Args:
        folder: The run.
        mountinfo: Linux's table of mounts; where there is none, nothing is known.
    """
    kind = file_system(folder, mountinfo)
    if kind is None or not (kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse.")):
        return None
    return (
        f"run folder {str(folder)!r} lies on a network file system ({kind}): whether its lock keeps out processes of "
        "other machines is up to the server; resume the run from one machine at a time, or put it on a local disk"
    )


def file_system(folder: Path, mountinfo: Path) -> str | None:
    """Type of the file system that a folder lies on, for instance ``"ext4"``; None where nobody says."""
    try:
        lines = mountinfo.read_text().splitlines()
        where = folder.resolve()
    except OSError:
        return None
    found: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        # The kernel writes blanks, tabs and backslashes of a path as octal escapes.
        point = Path(fields[4].encode().decode("unicode_escape"))
        # Of two mounts on one point the later one is seen.
        if where.is_relative_to(point) and (found is None or len(point.parts) >= found[0]):
            found = (len(point.parts), after.split()[0])
    return found[1] if found else None


def _lock(handle: Any, folder: Path, holder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunError(f"{_busy(folder, holder)}; wait until it ends") from error
    except OSError as error:
        # Some network file systems know no locks; `lock_limits` says so to the user.
        if error.errno not in _NO_LOCKS:
            raise RunError(unwritable(folder, error)) from error


def _note_holder(holder: Path) -> None:
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    text = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": now})
    # The lock is held whether it can be told or not.
    with suppress(OSError):
        holder.unlink(missing_ok=True)
        with holder.open("x") as file:
            file.write(text + "\n")


def _busy(folder: Path, holder: Path) -> str:
    return f"another process is writing run {str(folder)!r}{_who(holder)}"


def _who(holder: Path) -> str:
    """Who holds the lock, as far as it is written down, with a space before it."""
    try:
        facts = json.loads(holder.read_text())
        return f" (process {int(facts['pid'])} on {facts['host']}, since {facts['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""

"""What a process of a run writes to standard error: passed on as it comes, its end kept for the record."""

import faulthandler
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

#: Bytes kept, and characters of them that a record gets.
_KEPT_BYTES = 16_384
TAIL_CHARACTERS = 2_000
#: Lines that say nothing about what went wrong; Python lists all compiled modules when a process crashes.
_NOISE = re.compile(r"^Extension modules: .*$\n?", re.MULTILINE)


class StderrTail:
    """Reads a process's standard error in a thread of its own, so that the process never waits for it.

    Args:
        source: The end of the pipe that is read; closed when the process has closed the other one.

    Attributes:
        heard: Bytes that were said so far.
    """

    def __init__(self, source: Connection) -> None:
        self._source = source
        self._kept = b""
        self.heard = 0
        self._thread = threading.Thread(target=self._read, name="stderr tail", daemon=True)
        self._thread.start()

    def tail(self) -> str:
        """The end of what was said, at most `TAIL_CHARACTERS`; complete once the process has ended."""
        # A grandchild that outlives the process may hold the pipe open.
        self._thread.join(timeout=1.0)
        text = _NOISE.sub("", self._kept.decode(errors="replace")).strip()
        if len(text) <= TAIL_CHARACTERS:
            return text
        # The dump of a crash names the innermost frame first.
        start = text.rfind("Fatal Python error")
        return text[start:][:TAIL_CHARACTERS] if start >= 0 else text[-TAIL_CHARACTERS:]

    def since(self, mark: int) -> bytes:
        """What was said after the first `mark` bytes, as far as it is kept."""
        said = self.heard - mark
        return self._kept[-said:] if said > 0 else b""

    def _read(self) -> None:
        with suppress(OSError, ValueError), self._source as source:
            while data := os.read(source.fileno(), 65_536):
                self._kept = (self._kept + data)[-_KEPT_BYTES:]
                self.heard += len(data)
                # Where this process has no standard error any more, the child must not wait for it all the same.
                with suppress(OSError):
                    os.write(2, data)


def redirect_output(sink: Connection | None) -> None:
    """Let this process's standard output and error go into a pipe that a parent's `StderrTail` reads.

    What a plugin or a library prints must not end up in a table that somebody redirects, so both do. A crash in
    compiled code writes where Python was.

    Args:
        sink: The end of the pipe that is written; None for standard error as it is.
    """
    with suppress(OSError):
        if sink is not None:
            os.dup2(sink.fileno(), 2)
            sink.close()
        os.dup2(2, 1)
    # Under a test runner that captures, standard error may be no file.
    with suppress(OSError, ValueError, AttributeError):
        faulthandler.enable(file=2)
        # A parent that ends this process because it hangs asks first where.
        faulthandler.register(signal.SIGUSR1, file=2, all_threads=False)
    sys.stderr.flush()

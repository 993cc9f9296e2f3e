"""Output that outlives its reader: a command ends as it would have, and its exit code says the same."""

import errno
import io
import os
import sys
from typing import Any

#: Descriptor of standard error; input and output have the two below it.
_LAST_STANDARD = 2


class _Outliving(io.FileIO):
    """A file descriptor that drops what it is given once its pipe has no reader, or its terminal was closed."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        # A terminal's error says that it has gone; a file's would say that the disk fails.
        self._harmless = {errno.EPIPE, errno.EIO} if self.isatty() else {errno.EPIPE}

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self._harmless:
                raise
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Have standard output and standard error outlive whoever reads them, and spell out what they have no letters for.

    Streams that somebody has put in their place stay as they are. What was closed from the start leads nowhere, here
    and in child processes, so that no file of a run gets its number, and with it what libraries print.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, name in enumerate(("stdout", "stderr"), start=1):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue
        if stream is not None:
            stream.flush()
        lasting = io.TextIOWrapper(
            io.BufferedWriter(_Outliving(number if stream is None else stream.fileno())),
            # Not every path is text, nor every terminal's letters all of Unicode.
            errors="backslashreplace" if stream is None or stream.errors == "strict" else stream.errors,
            encoding="utf-8" if stream is None else stream.encoding,
            # Where nothing is to be held back (PYTHONUNBUFFERED), lines are not.
            line_buffering=stream is None or stream.line_buffering or stream.write_through,
        )
        setattr(sys, name, lasting)

"""Output that outlives its reader: a command ends as it would have, and its exit code says the same."""

import errno
import io
import sys
from typing import Any


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

    Streams that somebody has put in their place stay as they are.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__"):
            continue
        stream.flush()
        lasting = io.TextIOWrapper(
            io.BufferedWriter(_Outliving(stream.fileno())),
            encoding=stream.encoding,
            # Not every path is text, nor every terminal's letters all of Unicode.
            errors="backslashreplace" if stream.errors == "strict" else stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, lasting)

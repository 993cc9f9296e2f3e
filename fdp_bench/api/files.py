"""Files that are written in one step, and whether they can be."""

import os
from contextlib import suppress
from pathlib import Path

#: Ending of a file's name while it is written.
PART = ".part"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that whoever reads it, meanwhile or after a crash, finds the old content or the new.

    Args:
        path: The file; its folder is there.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        OSError: If it cannot be written; what was there before is untouched.
    """
    part = path.with_name(path.name + PART)
    try:
        # A rest of a write that was cut off, or a link that somebody put there, which would be followed.
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the one that it would be made in."""
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError:
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)

"""One maker at a time for each network of a folder, over all processes of a machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def only_maker(out: Path, slug: str) -> Iterator[None]:
    """Wait until no other process trains this network into this folder, then keep others waiting.

    Two FDPs of one order but another composition share a base, as an FDP and its ``base:`` do: who comes second finds
    it made. The lock ends with its process, however that ends.

    Args:
        out: Folder of the weights.
        slug: File name of the weights without its ending.
    """
    folder = out / "resume"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{slug}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(
            f"{slug} is being trained into {out} by another process; waiting for it",
            file=sys.stderr,
            flush=True,
        )
        lock.acquire()
    try:
        yield
    finally:
        lock.release()

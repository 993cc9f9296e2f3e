"""A folder of derived files that can be lost at any time: reduced drawn models.

Files are written whole or not at all, carry a digest of their content, and are rebuilt when it does
not match.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

_DIGEST_BYTES = 32


def cache_folder() -> Path:
    """``$FDP_BENCH_CACHE`` where set, else ``fdp-bench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("FDP_BENCH_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fdp-bench"


def cached_bytes(name: str, build: Callable[[], bytes]) -> bytes:
    """Content of a cached file, built where it is missing or damaged.

    A cache that cannot be written (read-only home, full disk) costs time and nothing else.

    Args:
        name: File name; holds a hash of everything that the content depends on.
        build: Makes the content.
    """
    path = cache_folder() / name
    content = _read(path)
    if content is None:
        content = build()
        with contextlib.suppress(OSError):
            _write(path, content)
    return content


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        # Workers may build the same file at once: the last one wins, and readers see either whole file.
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

"""Memory of a training step: kept by the process from one step to the next."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Parameters of glibc's ``mallopt`` (malloc.h).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
#: Largest threshold that glibc takes on 64 bits; no tensor of a training step is larger by default.
_LARGEST_MMAP_THRESHOLD = 32 * 1024 * 1024
_NEVER_TRIM = 2**31 - 1
#: glibc's own values (mallopt(3)).
_DEFAULTS = {_TRIM_THRESHOLD: 128 * 1024, _TOP_PAD: 128 * 1024, _MMAP_THRESHOLD: 128 * 1024}


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the C library keep freed memory while the context lasts, then give it back.

    A step allocates and frees some hundred MB in pieces of a few MB. glibc hands those back to the kernel, and each
    page is zeroed and mapped anew at its next use: up to a tenth of a step on a CPU. Elsewhere than on glibc, nothing
    happens.
    """
    glibc = _glibc()
    if glibc is None:
        yield
        return
    try:
        glibc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        glibc.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)
        glibc.mallopt(_TOP_PAD, _LARGEST_MMAP_THRESHOLD)
        yield
    finally:
        for parameter, value in _DEFAULTS.items():
            glibc.mallopt(parameter, value)
        glibc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None

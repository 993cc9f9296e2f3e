"""A limit on the wall time of one call."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlow(BaseException):
    """A call took too long. No `Exception`, so that the slow code's own handlers let it pass."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End a block that takes too long.

    Python code is broken off where it stands. Compiled code that never returns cannot be, and is left to whoever
    watches the process; if it returns late, it is found out then.

    Args:
        seconds: The limit, > 0; 0.0 for none.

    Raises:
        TooSlow: If the block took longer; the text depends on the limit alone.
    """
    if not seconds:
        yield
        return
    late = TooSlow(f"act took longer than the {seconds:g} s of --act-timeout")
    begun = time.monotonic()
    with _alarm(seconds, late):
        yield
    if time.monotonic() - begun > seconds:
        raise late


@contextmanager
def _alarm(seconds: float, late: TooSlow) -> Iterator[None]:
    # Signals reach Python's main thread alone, which is where a worker asks.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)

"""What a plugin's code may do to the process that calls it: raise, take too long, fork; and whose fault an error is."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

import gymnasium

from fdp_bench.api.shift import Shift

#: What a plugin's code may raise that ends no process: `sys.exit` in a library is an error of that library, too.
PLUGIN_ERRORS = (Exception, SystemExit)
#: Most characters of an error's text that a record gets: its beginning and its end.
MOST_CHARACTERS = 2_000
_END_CHARACTERS = 400
#: Innermost calls that a traceback shows.
_MOST_FRAMES = 12


def describe_error(error: BaseException) -> str:
    """An error's class and text, however long the text is, and where it has none to give."""
    try:
        text = str(error)
    except Exception as another:
        text = f"its text cannot be had: {type(another).__name__}"
    if len(text) > MOST_CHARACTERS:
        left_out = len(text) - MOST_CHARACTERS
        text = (
            f"{text[: MOST_CHARACTERS - _END_CHARACTERS]} [{left_out:,} characters] {text[-_END_CHARACTERS:]}"
        )
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def traceback_text(error: BaseException) -> str:
    """An error's traceback as Python prints it, shortened at its beginning where it is long."""
    text = "".join(traceback.format_exception(error, limit=-_MOST_FRAMES, chain=False)).rstrip()
    return text if len(text) <= MOST_CHARACTERS else f"[...] {text[-MOST_CHARACTERS:]}"


def error_owner(error: BaseException, task_id: str) -> str:
    """Whose code raised: the innermost method of a shift or of another environment on the traceback tells."""
    found = f"task {task_id!r}"
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, Shift):
            found = f"shift {owner.name!r}"
        elif isinstance(owner, gymnasium.Env):
            found = f"task {task_id!r}"
        trace = trace.tb_next
    return found


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


def exit_if_forked(pid: int) -> None:
    """End this process at once where it is a copy that a plugin has made of another by a fork and let go on.

    Args:
        pid: The other one's process id.
    """
    if os.getpid() != pid:
        os._exit(1)

"""How a run ends before its time: Ctrl-C, and SIGTERM, which a cluster sends before it takes the machine away."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fdp_bench.api.errors import RunError

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Exit codes as a shell reports a process ended by these signals.
INTERRUPTED_CODE, TERMINATED_CODE = 128 + signal.SIGINT, 128 + signal.SIGTERM


class RunInterruptedError(RunError):
    """A run was stopped by its user or by a scheduler; its episodes so far are kept.

    Attributes:
        exit_code: 130 after Ctrl-C, 143 after SIGTERM.
    """

    exit_code = INTERRUPTED_CODE

    def __init__(self, message: str, exit_code: int = INTERRUPTED_CODE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; whatever handles Ctrl-C handles it alike."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` while the block runs, where nobody else handles it.

    Raises:
        RunInterruptedError: In place of a `Terminated` that nobody inside has turned into one.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    except Terminated:
        raise RunInterruptedError(
            "terminated while no episode was under way; if the run has its folder already, --resume finishes it",
            TERMINATED_CODE,
        ) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back while the block runs: what belongs together is done or not done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    # Not by a mask: a signal to the process would come by way of another thread.
    before = {
        number: signal.signal(number, lambda number, _: held.append(number)) for number in _ENDING_SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """The exit code that says what ended a run."""
    return TERMINATED_CODE if isinstance(interrupt, Terminated) else INTERRUPTED_CODE


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Terminated

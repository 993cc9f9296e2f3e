"""How a run ends before its time.

By Ctrl-C, by SIGTERM, which a cluster sends before it takes the machine away, or by SIGHUP, which comes from a terminal
that is closed.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fdp_bench.api.errors import RunError

_TERMINATING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_ENDING_SIGNALS = (signal.SIGINT, *_TERMINATING_SIGNALS)
#: Exit code as a shell reports a process ended by Ctrl-C.
INTERRUPTED_CODE = 128 + signal.SIGINT


class RunInterruptedError(RunError):
    """A run was stopped by its user or by a scheduler; its episodes so far are kept.

    Attributes:
        exit_code: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
    """

    exit_code = INTERRUPTED_CODE

    def __init__(self, message: str, exit_code: int = INTERRUPTED_CODE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived; whatever handles Ctrl-C handles it alike.

    Attributes:
        number: Which of them.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated` while the block runs, where nobody else handles them.

    A SIGHUP that is ignored, as below ``nohup``, stays so.

    Raises:
        RunInterruptedError: In place of a `Terminated` that nobody inside has turned into one.
    """
    in_main = threading.current_thread() is threading.main_thread()
    free = [number for number in _TERMINATING_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    if not in_main or not free:
        yield
        return
    for number in free:
        signal.signal(number, _raise_terminated)
    try:
        yield
    except Terminated as terminated:
        raise RunInterruptedError(
            "terminated while no episode was under way; if the run has its folder already, --resume finishes it",
            exit_code_of(terminated),
        ) from None
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold whatever ends a run back while the block runs: what belongs together is done or not done."""
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
    # The first one that is not ignored ends this.
    for late in held:
        signal.raise_signal(late)


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """The exit code that says what ended a run."""
    return 128 + interrupt.number if isinstance(interrupt, Terminated) else INTERRUPTED_CODE


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    del frame
    raise Terminated(number)

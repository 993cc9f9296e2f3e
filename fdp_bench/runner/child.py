"""A spawned process of a run: what it is sent and says, how it ends, and what its end means."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any

import fdp_bench.api.errors
from fdp_bench.api.errors import FdpBenchError, RunError
from fdp_bench.runner.messages import Failure

#: One thread a process for each library that would take every core: workers are the parallelism, and the number
#: of threads can change how sums round.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # None beside the caller: Mesa's rasterizer draws in the worker's own thread.
    "LP_NUM_THREADS": "0",
}
#: Seconds that a process is given to close what it holds before it is ended.
_CLOSING_TIME_S = 10.0


class WorkerTraceback(Exception):  # noqa: N818 (it is shown, not caught)
    """Traceback of a worker, as the cause of the error that it led to."""


class Child:
    """A process and the connection to it. Start it inside `starting`.

    Args:
        name: What errors call it, for instance ``"a worker process"``.
        target: Its entry point, called with its end of the connection first.
        args: Further arguments.

    Attributes:
        connection: Where its messages arrive.
    """

    def __init__(self, name: str, target: Callable[..., None], args: Sequence[Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._name = name
        self._process: SpawnProcess = context.Process(
            target=target, args=(theirs, *args), name=name, daemon=True
        )
        self._process.start()
        # Only the child holds its end now, so that its death is an end of file here.
        theirs.close()

    def send(self, message: Any) -> None:
        """Send it something.

        Raises:
            FdpBenchError: What it died of.
        """
        try:
            self.connection.send(message)
        except OSError:
            # Dead already; its last words, if it left any, are in the pipe.
            self.receive()
            raise self._death() from None

    def receive(self) -> Any:
        """Wait for its next message.

        Raises:
            FdpBenchError: The failure that it reports, or that it died.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(message, Failure):
            raise self._as_error(message)
        return message

    def stop(self) -> None:
        """Tell it to end."""
        try:
            self.connection.send(None)
        except OSError:
            self._process.kill()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join(_CLOSING_TIME_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()

    def _death(self) -> RunError:
        self._process.join(_CLOSING_TIME_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
            hint = " (out of memory? fewer --workers or --lanes need less)" if -code == signal.SIGKILL else ""
        else:
            how, hint = f"ended with exit code {code}", ""
        return RunError(f"{self._name} {how}{hint}")

    def _as_error(self, failure: Failure) -> FdpBenchError:
        kind = getattr(fdp_bench.api.errors, failure.kind, None) if failure.kind else None
        error: FdpBenchError
        if isinstance(kind, type) and issubclass(kind, FdpBenchError):
            error = kind(failure.message)
        else:
            error = RunError(f"{self._name} failed: {failure.message} (--debug shows where)")
        error.__cause__ = WorkerTraceback("\n" + failure.details)
        return error


@contextmanager
def starting() -> Iterator[None]:
    """Children started inside use one thread each, and no Ctrl-C on the terminal reaches them."""
    with _one_thread_each(), _interrupt_blocked():
        yield


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """Start processes that a Ctrl-C on the terminal does not reach; here it arrives when the block ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Its own start would unblock the signal again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Worker processes, and the parent that hands out episodes and gathers records."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

import fdp_bench.api.errors
from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import FdpBenchError, RunError
from fdp_bench.runner.preflight import PreflightReport, PreflightRequest
from fdp_bench.runner.worker import Failure, PicturePlan, TimesRequest, WorkerSettings, work

#: One thread a worker for each library that would take every core: workers are the parallelism, and the number
#: of threads can change how sums round.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # None beside the caller: Mesa's rasterizer draws in the worker's own thread.
    "LP_NUM_THREADS": "0",
}
#: Seconds that a worker is given to close its environments before it is ended.
_CLOSING_TIME_S = 10.0


class WorkerTraceback(Exception):  # noqa: N818 (it is shown, not caught)
    """Traceback of a worker, as the cause of the error that it led to."""


class WorkerPool:
    """Spawned workers. Used as a context: left in order it closes them, left by an error it ends them.

    Args:
        settings: What every worker is told.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._members: list[_Member] = []

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            member.stop() if kind is None else member.kill()
        for member in self._members:
            member.join()

    def preflight(self, request: PreflightRequest, workers: int = 1) -> PreflightReport:
        """Check a request, and get ready to run it: episodes run later in the environments that are built here.

        Args:
            request: What is to be checked.
            workers: Worker processes, >= 1. Each checks by itself, at the same time, and the first one's report
                counts.

        Raises:
            FdpBenchError: Whatever is wrong with the request.
        """
        self._grow(workers)
        for member in self._members:
            member.send(request)
        report = self._members[0].receive()
        assert isinstance(report, PreflightReport)
        for member in self._members[1:]:
            member.owes_report = True
        return report

    def times(self) -> list[dict[str, float]]:
        """Seconds by phase of each worker so far; see `fdp_bench.runner.timing`. No episode may be under way."""
        for member in self._members:
            member.send(TimesRequest())
        return [member.receive() for member in self._members]

    def run(
        self, chunks: Iterable[tuple[EpisodeSpec, ...]], workers: int, pictures: PicturePlan
    ) -> Iterator[EpisodeRecord]:
        """Run episodes and yield their records as they end.

        Args:
            chunks: Episodes handed out together, in the order they are handed out. The next is asked for when a
                worker has room for it, after all earlier records were yielded.
            workers: Worker processes, >= 1.
            pictures: Which pictures are kept.

        Raises:
            FdpBenchError: If an arm cannot be run at all.
            RunError: If a worker dies.
        """
        waiting = iter(chunks)
        more = True
        self._grow(workers)
        members = self._members[:workers]
        for member in members:
            member.send(pictures)
        while True:
            while more:
                member = min(members, key=lambda member: member.outstanding)
                # A chunk in hand beside the episodes under way: no free lane waits for the parent, and little is
                # left to one worker when the others have ended.
                if member.outstanding > self._settings.lanes:
                    break
                chunk = next(waiting, None)
                if chunk is None:
                    more = False
                else:
                    member.hand_out(chunk)
            busy = {member.connection: member for member in members if member.outstanding}
            if not busy:
                return
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                record = busy[connection].receive()
                assert isinstance(record, EpisodeRecord)
                busy[connection].outstanding -= 1
                yield record

    def _grow(self, number: int) -> None:
        with _one_thread_each(), _interrupt_blocked():
            while len(self._members) < number:
                self._members.append(_Member(self._settings))


class _Member:
    """One worker process and what it owes.

    Attributes:
        connection: Where its records arrive.
        outstanding: Episodes handed out and not yet back.
        owes_report: Whether the next message is a report on a request that another worker has answered.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.outstanding = 0
        self.owes_report = False
        self._process: SpawnProcess = context.Process(
            target=work, args=(theirs, settings, time.monotonic()), daemon=True
        )
        self._process.start()
        # Only the worker holds its end now, so that its death is an end of file here.
        theirs.close()

    def send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except OSError:
            # Dead already; its last words, if it left any, are in the pipe.
            self.receive()
            raise self._death() from None

    def hand_out(self, chunk: tuple[EpisodeSpec, ...]) -> None:
        self.send(chunk)
        self.outstanding += len(chunk)

    def receive(self) -> Any:
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(message, Failure):
            raise _as_error(message)
        if self.owes_report:
            self.owes_report = False
            return self.receive()
        return message

    def stop(self) -> None:
        try:
            self.connection.send(None)
        except OSError:
            self._process.kill()

    def kill(self) -> None:
        self._process.kill()

    def join(self) -> None:
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
        return RunError(f"a worker process {how}{hint}")


def _as_error(failure: Failure) -> FdpBenchError:
    kind = getattr(fdp_bench.api.errors, failure.kind, None) if failure.kind else None
    error: FdpBenchError
    if isinstance(kind, type) and issubclass(kind, FdpBenchError):
        error = kind(failure.message)
    else:
        error = RunError(f"a worker process failed: {failure.message} (--debug shows where)")
    error.__cause__ = WorkerTraceback("\n" + failure.details)
    return error


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

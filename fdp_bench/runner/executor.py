"""Worker processes, and the parent that hands out episodes and gathers records."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.child import Child, starting
from fdp_bench.runner.messages import TimesRequest
from fdp_bench.runner.preflight import PreflightReport, PreflightRequest, plugins_used
from fdp_bench.runner.server import ServeRequest
from fdp_bench.runner.sharing import SHARED, SharedInference
from fdp_bench.runner.worker import PicturePlan, WorkerSettings, work


class WorkerPool:
    """Spawned workers. Used as a context: left in order it closes them, left by an error it ends them.

    Args:
        settings: What every worker is told.
        inference: Where policies are asked, see `fdp_bench.runner.sharing`.

    Attributes:
        inference: The same.
    """

    def __init__(self, settings: WorkerSettings, inference: str) -> None:
        self._settings = settings
        self.inference = inference
        self._is_shared = inference == SHARED
        self._members: list[_Member] = []
        self._sharing: SharedInference | None = None

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        children: list[Child] = [*self._members]
        if self._sharing is not None:
            children.append(self._sharing.process)
        for child in children:
            child.stop() if kind is None else child.kill()
        for member in self._members:
            member.join()
        if self._sharing is not None:
            self._sharing.join()

    def preflight(self, request: PreflightRequest, workers: int = 1) -> PreflightReport:
        """Check a request, and get ready to run it: episodes run later in the environments that are built here.

        Args:
            request: What is to be checked.
            workers: Worker processes, >= 1; `run` may use no more. Each checks by itself, at the same time, and the
                first one's report counts.

        Raises:
            FdpBenchError: Whatever is wrong with the request.
        """
        self._start(workers)
        for member in self._members:
            member.send(replace(request, policies=()) if self._is_shared else request)
        report = self._members[0].receive()
        assert isinstance(report, PreflightReport)
        for member in self._members[1:]:
            member.owes_report = True
        return self._share(request, report) if self._is_shared else report

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
            workers: Worker processes, >= 1, of those that `preflight` started.
            pictures: Which pictures are kept.

        Raises:
            FdpBenchError: If an arm cannot be run at all.
            RunError: If a worker or the inference process dies.
        """
        waiting = iter(chunks)
        more = True
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
            yield from self._records(busy)

    def _records(self, busy: dict[Connection, "_Member"]) -> Iterator[EpisodeRecord]:
        sharing = self._sharing
        heard = wait([sharing.process.connection, *busy] if sharing else list(busy))
        if sharing and sharing.process.connection in heard:
            # It has nothing to say while episodes run, so these are its last words; a worker's would only repeat
            # that nobody answers.
            sharing.process.receive()
        for connection in heard:
            assert isinstance(connection, Connection)
            record = busy[connection].receive()
            assert isinstance(record, EpisodeRecord)
            busy[connection].outstanding -= 1
            yield record

    def _start(self, workers: int) -> None:
        with starting():
            if self._is_shared:
                self._sharing = SharedInference(workers)
            for _ in range(workers):
                self._members.append(_Member(self._settings, self._sharing))

    def _share(self, request: PreflightRequest, report: PreflightReport) -> PreflightReport:
        assert self._sharing is not None
        serve = ServeRequest(request.policies, report.task, request.device, self._settings.batch_rows)
        policies, slots = self._sharing.prepare(
            serve, report.observation_dtypes, len(self._members), self._settings.lanes
        )
        for member, shared in zip(self._members, slots, strict=True):
            member.send(shared)
        plugins = plugins_used([policy.spec for policy in policies], report.shifts)
        return replace(report, policies=policies, plugins=plugins)


class _Member(Child):
    """One worker process and what it owes.

    Attributes:
        outstanding: Episodes handed out and not yet back.
        owes_report: Whether the next message is a report on a request that another worker has answered.
    """

    def __init__(self, settings: WorkerSettings, sharing: SharedInference | None) -> None:
        server = sharing.take_connection() if sharing else None
        super().__init__("a worker process", work, (settings, time.monotonic(), server))
        if server is not None:
            # Only the worker holds it now, so that its end is an end of file for the inference process.
            server.close()
        self.outstanding = 0
        self.owes_report = False

    def hand_out(self, chunk: tuple[EpisodeSpec, ...]) -> None:
        """Send it episodes."""
        self.send(chunk)
        self.outstanding += len(chunk)

    def receive(self) -> Any:
        """See `Child.receive`."""
        message = super().receive()
        if self.owes_report:
            self.owes_report = False
            return self.receive()
        return message

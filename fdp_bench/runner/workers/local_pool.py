"""Worker processes of this machine: started, checked, asked for their times, replaced, closed."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, cast

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.inference_server.process import SHARED, SharedInference
from fdp_bench.runner.inference_server.server import ServeRequest
from fdp_bench.runner.processes.messages import TimesRequest
from fdp_bench.runner.processes.process import START_S, Child, ProcessLostError, starting
from fdp_bench.runner.rollout.preflight import PreflightReport, PreflightRequest, plugins_used
from fdp_bench.runner.rollout.timing import PHASES
from fdp_bench.runner.workers.capacity import default_workers, memory_held, worker_memory_limit
from fdp_bench.runner.workers.supervisor import INFERENCE, Incident, Limits, Supervision
from fdp_bench.runner.workers.worker import PicturePlan, WorkerSettings, work
from fdp_bench.runner.workers.worker_handle import CrewMember

#: Seconds that an idle worker is given to tell its times.
_TIMES_WAIT_S = 30.0


class WorkerPool:
    """Spawned workers; see `fdp_bench.runner.executor.Executor`.

    Args:
        settings: What every worker is told.
        inference: Where policies are asked, see `fdp_bench.runner.inference_server.process`.
        limits: When a worker is replaced.

    Attributes:
        settings, inference, limits: The same.
        incidents: Workers that had to be replaced, and why.
        members: The workers, one a place; None where one was replaced and its successor has had nothing to do yet.
    """

    def __init__(self, settings: WorkerSettings, inference: str, limits: Limits | None = None) -> None:
        self.settings = settings
        self.inference = inference
        self.limits = limits or Limits()
        self.incidents: list[Incident] = []
        self.members: list[Member | None] = []
        self.sharing: SharedInference | None = None
        self._leaving: list[Member] = []
        self._times: list[dict[str, float]] = []
        self._serve: tuple[ServeRequest, dict[str, str]] | None = None

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        members = [member for member in self.members if member is not None]
        children: list[Child] = [*members]
        if self.sharing is not None:
            children.append(self.sharing.process)
        for child in children:
            child.stop() if kind is None else child.kill()
        for member in (*self._leaving, *members):
            member.join()
        if self.sharing is not None:
            self.sharing.join()

    @property
    def is_shared(self) -> bool:
        """Whether one process is asked for all workers."""
        return self.inference == SHARED

    def default_workers(self, lanes: int) -> int:
        """See `Executor.default_workers`: one a usable core, fewer where memory is short."""
        return default_workers(lanes, beside=int(self.is_shared))

    def facts(self) -> dict[str, Any]:
        """See `Executor.facts`."""
        return {"executor": "local"}

    def preflight(self, request: PreflightRequest, workers: int = 1) -> PreflightReport:
        """See `Executor.preflight`."""
        with starting():
            if self.is_shared:
                self.sharing = SharedInference(workers)
            members = [Member(self.settings, self.sharing) for _ in range(workers)]
            self.members = [*members]
        asked = replace(request, policies=()) if self.is_shared else request
        for member in members:
            # One that has died already is found below, or replaced when it is given something to do.
            member.send(asked)
        report = self._first_report(asked)
        return self._share(request, report) if self.is_shared else report

    def times(self) -> list[dict[str, float]]:
        """See `Executor.times`."""
        return [*self._times, *(_times_of(member) for member in self.members if member is not None)]

    def run(
        self,
        chunks: Iterable[tuple[EpisodeSpec, ...]],
        workers: int,
        pictures: PicturePlan,
        tick: Callable[[], None] = lambda: None,
    ) -> Iterator[EpisodeRecord]:
        """See `Executor.run`."""
        return Supervision(self, chunks, workers, pictures, tick).records()

    def wait(self, busy: Mapping[int, CrewMember], timeout_s: float) -> list[int]:
        """See `Crew.wait`."""
        places: dict[Connection, int] = {}
        for place, member in busy.items():
            assert isinstance(member, Member)
            places[member.connection] = place
        if self.sharing is not None:
            places[self.sharing.process.connection] = INFERENCE
        heard = {places[connection] for connection in wait(places, timeout_s) if connection in places}
        # A process that a worker has forked holds its connection open beyond its death.
        heard |= {place for place, member in busy.items() if not cast(Member, member).is_alive}
        if self.sharing is not None and not self.sharing.process.is_alive:
            heard.add(INFERENCE)
        return sorted(heard)

    def memory_limit(self, place: int, workers: int) -> int | None:
        """See `Crew.memory_limit`."""
        return self.limits.worker_bytes or worker_memory_limit(workers)

    def spawn(self, place: int, pictures: PicturePlan) -> None:
        """Start a worker in an empty place, told what the others know."""
        with starting():
            member = Member(self.settings, self.sharing)
        # Kept before anything is sent, so that leaving the pool ends it whatever happens.
        self.members[place] = member
        if self.sharing is not None:
            member.send(self.sharing.slots(place))
        member.send(pictures)

    def retire(self, place: int) -> None:
        """Let a worker that owes nothing go; its place is empty then."""
        member = self.members[place]
        assert member is not None
        self.members[place] = None
        self._times.append(_times_of(member))
        member.stop()
        self._leaving.append(member)

    def bury(self, place: int) -> None:
        """Be rid of a worker that is of no use any more; its place is empty then."""
        member, self.members[place] = self.members[place], None
        if member is not None:
            member.kill()
            member.join()

    def restart_inference(self) -> None:
        """Replace the inference process, and with it all workers, which hold its connections and slots.

        Raises:
            FdpBenchError: If a new one cannot be had.
        """
        assert self.sharing is not None
        assert self._serve is not None
        for place in range(len(self.members)):
            self.bury(place)
        self.sharing.process.kill()
        self.sharing.join()
        with starting():
            self.sharing = SharedInference(0)
        self.sharing.prepare(*self._serve, len(self.members), self.settings.lanes)

    def _first_report(self, request: PreflightRequest) -> PreflightReport:
        """The first worker's report; one that was ended while it checked is replaced once."""
        member = self.members[0]
        assert member is not None
        try:
            report = member.receive_within(START_S)
        except ProcessLostError as lost:
            if lost.has_raised:
                raise
            self.incidents.append(Incident(str(lost), (), lost.said))
            self.bury(0)
            with starting():
                again = Member(self.settings, self.sharing)
            self.members[0] = again
            again.send(request)
            report = again.receive_within(START_S)
        assert isinstance(report, PreflightReport)
        return report

    def _share(self, request: PreflightRequest, report: PreflightReport) -> PreflightReport:
        assert self.sharing is not None
        serve = ServeRequest(
            request.policies,
            report.task,
            request.device,
            self.settings.batch_rows,
            self.settings.act_timeout_s,
            report.shown,
        )
        self._serve = (serve, dict(report.observation_dtypes))
        policies = self.sharing.prepare(*self._serve, len(self.members), self.settings.lanes)
        for place, member in enumerate(self.members):
            # A worker that has died meanwhile is found and replaced when it is given something to do.
            if member is not None:
                member.send(self.sharing.slots(place))
        plugins = plugins_used([policy.spec for policy in policies], report.shifts)
        return replace(report, policies=policies, plugins=plugins)


class Member(Child, CrewMember):
    """One worker process, and what it owes."""

    def __init__(self, settings: WorkerSettings, sharing: SharedInference | None = None) -> None:
        server = sharing.take_connection() if sharing else None
        super().__init__("a worker process", work, (settings, time.monotonic(), server))
        if server is not None:
            # Only the worker holds it now, so that its end is an end of file for the inference process.
            server.close()
        self.start_books()

    def end(self, reason: str) -> ProcessLostError:
        """See `CrewMember.end`."""
        self.dump()
        self.kill()
        return self.death(reason)

    def memory_held(self) -> int | None:
        """See `CrewMember.memory_held`."""
        return memory_held(self.pid)


def _times_of(member: Member) -> dict[str, float]:
    nothing = dict.fromkeys(PHASES, 0.0)
    try:
        member.send(TimesRequest())
        while member.connection.poll(_TIMES_WAIT_S):
            message: Any = member.receive()
            if isinstance(message, dict):
                return message
    except ProcessLostError:
        pass
    return nothing

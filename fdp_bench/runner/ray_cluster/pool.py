"""Workers on a Ray cluster: one actor a worker, replaced with its node, and this process the only one that writes."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayError

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RunError
from fdp_bench.records.provenance import versions
from fdp_bench.runner.config import ExecutorSpec
from fdp_bench.runner.inference_server.process import SharedInference
from fdp_bench.runner.processes.messages import Beat, PicturePlan, TimesRequest, WorkerSettings
from fdp_bench.runner.processes.process import START_S, ProcessLostError
from fdp_bench.runner.ray_cluster.actor import Picture
from fdp_bench.runner.ray_cluster.connection import (
    check_report,
    check_versions,
    connect,
    handlers_kept,
    keep_picture,
    room_for,
    shown_resources,
)
from fdp_bench.runner.ray_cluster.worker_handle import ANSWER_S, WORKER_CPUS, RayWorker
from fdp_bench.runner.rollout.preflight import PreflightReport, PreflightRequest
from fdp_bench.runner.rollout.timing import PHASES
from fdp_bench.runner.workers.supervisor import Supervisor
from fdp_bench.runner.workers.worker_handle import Incident, Limits, WorkerHandle

#: Seconds that the first worker is waited for: a cluster may have to start a node.
_FIRST_S = 600.0
#: How often workers are looked at before there are episodes, seconds.
_LOOK_S = 1.0
#: So many hosts in a row that cannot even say what they are end the run.
_FAILED_STARTS = 3


class RayPool:
    """Workers on a Ray cluster; see `fdp_bench.runner.executor.Executor`.

    Args:
        settings: Settings that every worker gets.
        spec: Which cluster, and what a worker gets of it.
        inference: Where policies are asked: in each worker.
        limits: When a worker is replaced.
    """

    is_shared = False
    sharing: SharedInference | None = None

    def __init__(
        self, settings: WorkerSettings, spec: ExecutorSpec, inference: str, limits: Limits | None = None
    ) -> None:
        self.settings, self.spec, self.inference = settings, spec, inference
        self.limits = limits or Limits()
        self.incidents: list[Incident] = []
        self.members: list[RayWorker] = []
        self.worker_gpus = float(settings.device != "cpu") if spec.worker_gpus is None else spec.worker_gpus
        self._request: PreflightRequest | None = None
        self._report: PreflightReport | None = None
        self._pictures: PicturePlan | None = None
        self._times: list[dict[str, float]] = []
        self._begun: dict[int, str] = {}
        self._nodes: Counter[tuple[str, str]] = Counter()
        self._versions = versions()
        self._failed_starts = 0
        self._has_connected = False

    def __enter__(self) -> "RayPool":
        if not ray.is_initialized():
            connect(self.spec.address)
            self._has_connected = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RayError, ConnectionError):
            if kind is None:
                closing = [member.host.close.remote() for member in self.members if member.is_ready]
                ray.wait(closing, num_returns=len(closing), timeout=ANSWER_S) if closing else None
            for member in self.members:
                ray.kill(member.host)
        if self._has_connected:
            with handlers_kept():
                ray.shutdown()

    def default_workers(self, lanes: int) -> int:
        """See `Executor.default_workers`: one a CPU of the cluster, fewer where GPUs are."""
        del lanes
        return room_for(WORKER_CPUS, self.worker_gpus)

    def facts(self) -> dict[str, Any]:
        """See `Executor.facts`: Ray's version, and how many workers ran where."""
        nodes = [{"node": node, "cpu": cpu, "workers": count} for (node, cpu), count in self._nodes.items()]
        return {"executor": "ray", "ray": ray.__version__, "worker_gpus": self.worker_gpus, "nodes": nodes}

    def preflight(self, request: PreflightRequest, workers: int = 1) -> PreflightReport:
        """See `Executor.preflight`."""
        self._request = request
        self.members = [self._start_actor() for _ in range(workers)]
        begun = time.monotonic()
        replaced = 0
        while self._report is None:
            looked = time.monotonic()
            heard = self.wait(dict(enumerate(self.members)), _LOOK_S)
            self._end_silent(heard, min(time.monotonic() - looked, 2 * _LOOK_S))
            for place in heard:
                try:
                    self._note_beat(place, self.members[place].receive())
                except ProcessLostError as lost:
                    # Machines go together, with all their workers.
                    if lost.has_raised or replaced >= (_FAILED_STARTS * workers if lost.is_of_machine else 1):
                        raise
                    replaced += 1
                    self.incidents.append(Incident(str(lost), (), lost.said))
                    self.discard(place)
            if not any(member.is_ready for member in self.members) and time.monotonic() - begun > _FIRST_S:
                raise RunError(
                    f"the cluster has had no room for a worker ({self._needs()}) for {_FIRST_S:.0f} s; it has "
                    f"{shown_resources()}"
                )
        return self._report

    def times(self) -> list[dict[str, float]]:
        """See `Executor.times`."""
        found = [self._times_of(place) for place, member in enumerate(self.members) if member.is_ready]
        return [*self._times, *found]

    def run(
        self,
        chunks: Iterable[tuple[EpisodeSpec, ...]],
        workers: int,
        pictures: PicturePlan,
        tick: Callable[[], None] = lambda: None,
    ) -> Iterator[EpisodeRecord]:
        """See `Executor.run`."""
        self._pictures = pictures
        return Supervisor(self, chunks, workers, pictures, tick).records()

    def wait(self, busy: Mapping[int, WorkerHandle], timeout_s: float) -> list[int]:
        """See `WorkerGroup.wait`; takes in what all workers say, and welcomes those whose hosts have come up."""
        if not any(self.members[place].inbox for place in busy):
            try:
                self._listen(timeout_s)
            except ConnectionError as error:
                # Single nodes are found by their actors; this is the whole cluster, or the way to it.
                why = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise RunError(f"the Ray cluster is no longer reached ({why})") from error
        for place, member in enumerate(self.members):
            if member.is_gone and place not in busy:
                self._note_loss(member)
                self.discard(place)
        return [place for place in busy if self.members[place].inbox]

    def memory_limit(self, place: int, workers: int) -> int | None:
        """See `WorkerGroup.memory_limit`: a worker's share of its node."""
        del workers
        facts = self.members[place].facts
        return self.limits.worker_bytes or (facts.worker_bytes if facts is not None else None)

    def spawn(self, place: int, pictures: PicturePlan) -> None:
        """See `WorkerGroup.spawn`; no place is ever empty."""
        del pictures
        self.discard(place)

    def retire(self, place: int) -> None:
        """See `WorkerGroup.retire`."""
        self._times.append(self._times_of(place))
        self.discard(place)

    def discard(self, place: int) -> None:
        """See `WorkerGroup.discard`: a fresh process by the same host, or another host where that one is gone."""
        member = self.members[place]
        if member.is_gone or not member.is_ready:
            with suppress(RayError):
                ray.kill(member.host)
            self.members[place] = self._start_actor()
        else:
            self.members[place] = member.renewed()
            self._brief(self.members[place])

    def restart_inference(self) -> None:
        """See `WorkerGroup.restart_inference`; there is none."""
        raise NotImplementedError

    def _note_beat(self, place: int, message: Any) -> None:
        if isinstance(message, Beat) and message.begins:
            self._begun[place] = f"began with {message.begins}"

    def _end_silent(self, heard: list[int], waited_s: float) -> None:
        """End the run where a worker hangs while it checks the request; no episode tells how long is too long.

        Raises:
            ProcessLostError: What it was at.
        """
        for place, member in enumerate(self.members):
            member.silent_s = 0.0 if place in heard or not member.is_ready else member.silent_s + waited_s
            if member.silent_s > START_S:
                raise member.end(
                    f"gave no sign of life for {START_S:g} s after it {self._begun.get(place, 'started')}"
                )

    def _start_actor(self) -> RayWorker:
        return RayWorker(self.settings, self.worker_gpus)

    def _listen(self, timeout_s: float) -> None:
        # Whoever has something to say that nobody has received yet is not asked for more.
        refs = {member.awaited(): member for member in self.members if not (member.is_gone or member.inbox)}
        if not refs:
            time.sleep(timeout_s)
            return
        ready, _ = ray.wait(list(refs), num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = ray.wait(list(refs), num_returns=len(refs), timeout=0.0)
        for ref in ready:
            member = refs[ref]
            was_ready = member.is_ready
            member.hear(ref)
            if member.is_ready and not was_ready:
                self._welcome(member)
            elif member.is_gone and not was_ready:
                self._count_failed_start(member)
            self._take_in(member)

    def _welcome(self, member: RayWorker) -> None:
        assert member.facts is not None
        self._failed_starts = 0
        check_versions(member.facts, self._versions)
        self._nodes[member.facts.node, member.facts.cpu] += 1
        self._brief(member)

    def _brief(self, member: RayWorker) -> None:
        """Tell a fresh process what the others know."""
        if self._request is not None:
            member.send(self._request)
        if self._pictures is not None:
            member.send(self._pictures)

    def _take_in(self, member: RayWorker) -> None:
        """Take what concerns no episode out of a worker's inbox."""
        kept: deque[Any] = deque()
        for message in member.inbox:
            if isinstance(message, PreflightReport):
                self._report = self._report or message
                check_report(self._report, message, member.facts.node if member.facts is not None else "?")
            elif isinstance(message, Picture):
                assert self._pictures is not None
                keep_picture(message, self._pictures)
            else:
                kept.append(message)
        member.inbox = kept

    def _note_loss(self, member: RayWorker) -> None:
        try:
            while member.inbox:
                member.receive()
        except ProcessLostError as lost:
            if member.facts is not None:
                self.incidents.append(Incident(str(lost), (), lost.said))

    def _count_failed_start(self, member: RayWorker) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _FAILED_STARTS:
            raise RunError(
                f"{self._failed_starts} workers in a row could not be started on Ray: {member.gone}"
            )

    def _needs(self) -> str:
        return f"{WORKER_CPUS} CPU" + (f", {self.worker_gpus:g} GPU" if self.worker_gpus else "")

    def _times_of(self, place: int) -> dict[str, float]:
        member = self.members[place]
        begun = time.monotonic()
        with suppress(ProcessLostError):
            member.send(TimesRequest())
            while (
                time.monotonic() - begun < ANSWER_S and self.members[place] is member and not member.is_gone
            ):
                for _ in self.wait({place: member}, 1.0):
                    message = member.receive()
                    if isinstance(message, dict):
                        return message
        return dict.fromkeys(PHASES, 0.0)

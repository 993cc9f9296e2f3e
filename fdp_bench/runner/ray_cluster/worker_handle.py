"""One worker on a node of a Ray cluster, as the driver sees it."""

import sys
from collections import deque
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from fdp_bench.runner.processes.messages import WorkerSettings
from fdp_bench.runner.processes.process import ProcessLostError, judged
from fdp_bench.runner.ray_cluster.actor import EARS, ORDERS, Heard, Host, HostFacts, Lost
from fdp_bench.runner.workers.worker_handle import WorkerHandle

#: CPUs that a worker gets.
WORKER_CPUS = 1
#: Seconds that an answer of a host is waited for which it can give at once.
ANSWER_S = 60.0
#: Longest time that a host waits for its worker to say something before it answers with nothing, seconds.
_COLLECT_S = 5.0


class RayWorker(WorkerHandle):
    """A worker on some node of the cluster, and what it owes.

    Attributes:
        host: Its actor.
        facts: Of its node; None until the actor is up.
        inbox: What it said and nobody has received yet.
        gone: What became of its actor; empty while that lives.
    """

    def __init__(
        self, settings: WorkerSettings, gpus: float, running: tuple[Any, HostFacts, int] | None = None
    ) -> None:
        self._settings, self._gpus = settings, gpus
        self.facts: HostFacts | None = None
        self.inbox: deque[Any] = deque()
        self.gone = ""
        self._life = 1
        self._held_bytes: int | None = None
        self._ear: Any = None
        if running is None:
            here = str(Path.cwd())
            self.host: Any = _host_class(gpus).remote(settings, here, here in sys.path)
            self._ear = self.host.facts.remote()
        else:
            self.host, self.facts, self._life = running
        self.start_books()
        if running is not None:
            self._order("renew", self._life)

    @property
    def is_ready(self) -> bool:
        """Whether its actor is up; it may have to wait for room in the cluster."""
        return self.facts is not None

    @property
    def is_gone(self) -> bool:
        """Whether its actor is lost."""
        return bool(self.gone)

    def renewed(self) -> "RayWorker":
        """The same host with a fresh process."""
        assert self.facts is not None
        return RayWorker(self._settings, self._gpus, (self.host, self.facts, self._life + 1))

    def awaited(self) -> Any:
        """What is waited for: that the actor is up, or that its worker says something."""
        if self._ear is None:
            self._ear = self.host.collect.remote(self._life, _COLLECT_S)
        return self._ear

    def hear(self, ref: Any) -> None:
        """Take in an answer."""
        self._ear = None
        try:
            answer = ray.get(ref)
        except RayError as error:
            self._lose(error)
            return
        if isinstance(answer, HostFacts):
            self.facts = answer
            self._order("renew", self._life)
        elif isinstance(answer, Heard) and answer.life == self._life:
            self._held_bytes = answer.held_bytes
            self.inbox.extend(answer.messages)

    def send(self, message: Any) -> None:
        """See `WorkerHandle.send`; whether it arrived shows when the worker is listened to."""
        self._order("post", self._life, message)

    def receive(self) -> Any:
        """See `WorkerHandle.receive`."""
        message = self.inbox.popleft()
        if isinstance(message, Lost):
            raise ProcessLostError(self.name, message.reason, message.said, is_of_machine=self.is_gone)
        return judged(self.name, message)

    def end(self, reason: str) -> ProcessLostError:
        """See `WorkerHandle.end`."""
        try:
            lost = ray.get(self.host.end.remote(self._life, reason), timeout=ANSWER_S)
        except RayError as error:
            self._lose(error)
            lost = Lost("was lost with its node, which does not answer", "")
        return ProcessLostError(self.name, lost.reason, lost.said, is_of_machine=self.is_gone)

    def memory_held(self) -> int | None:
        """See `WorkerHandle.memory_held`: when it was last heard."""
        return self._held_bytes

    def _order(self, method: str, *args: Any) -> None:
        try:
            getattr(self.host, method).remote(*args)
        except RayError as error:
            self._lose(error)

    def _lose(self, error: RayError) -> None:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        self.gone = f"was lost with its node or actor ({type(error).__name__}: {lines[0]})"
        self.inbox.append(Lost(self.gone, ""))


def _host_class(gpus: float) -> Any:
    """The actor's class; a lost one is never restarted behind the driver's back."""
    actor = ray.remote(concurrency_groups={ORDERS: 1, EARS: 1})(Host)
    return actor.options(
        num_cpus=WORKER_CPUS,
        num_gpus=gpus,
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
    )

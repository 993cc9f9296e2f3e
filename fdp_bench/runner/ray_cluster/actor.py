"""A worker's host on a node of a Ray cluster: it starts the worker process there, and passes messages on.

Episodes run in a process of its own, the same as on one machine, so that whatever a plugin does to it is found and
reported in the same way; a host outlives its worker and starts the next one.
"""

import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.records.provenance import cpu_model, usable_cores, versions
from fdp_bench.records.store import STRIPS_NAME, VIDEOS_NAME
from fdp_bench.runner.processes.messages import PicturePlan, WorkerSettings
from fdp_bench.runner.processes.process import ProcessLostError
from fdp_bench.runner.processes.process_setup import starting
from fdp_bench.runner.workers.capacity import memory_held, worker_memory_limit
from fdp_bench.runner.workers.local_pool import LocalWorker

#: Threads of a host: one for orders, in their order, one for what the worker says, and one for the rest.
ORDERS, EARS = "orders", "ears"


@dataclass(frozen=True)
class HostFacts:
    """What a host says of its node.

    Attributes:
        node: Name of the machine.
        cpu: Its processor.
        versions: Distribution -> version of what can move a number.
        worker_bytes: Memory that a worker may hold there, where every usable core has one; None where nobody says.
    """

    node: str
    cpu: str
    versions: dict[str, str]
    worker_bytes: int | None


@dataclass(frozen=True)
class Lost:
    """The worker process has died.

    Attributes:
        reason: See `ProcessLostError`.
        said: See `ProcessLostError`.
    """

    reason: str
    said: str


@dataclass(frozen=True)
class Picture:
    """A picture of an episode whose record comes next.

    Attributes:
        folder: ``"strips"`` or ``"videos"``.
        name: Name of the file.
        data: Its bytes.
    """

    folder: str
    name: str
    data: bytes


@dataclass(frozen=True)
class Heard:
    """What a worker has said since it was last asked.

    Attributes:
        life: Number of the worker process.
        messages: Its messages, `Picture` and `Lost` among them, in order.
        held_bytes: Memory that it has to itself; None where nobody says.
    """

    life: int
    messages: tuple[Any, ...]
    held_bytes: int | None = None


class Host:
    """The actor. Orders (`renew`, `post`) are given in one thread, `collect` and `end` in others.

    Args:
        settings: Settings that every worker gets.
        folder: The driver's working folder, which relative paths of weights are meant from.
        searches_folder: Whether the driver finds modules there, see `fdp_bench.tasks.external.modules`.
    """

    def __init__(self, settings: WorkerSettings, folder: str, searches_folder: bool) -> None:
        self._settings = settings
        self._member: LocalWorker | None = None
        self._life = 0
        self._plan: PicturePlan | None = None
        self._pictures = tempfile.TemporaryDirectory(prefix="fdp-bench-")
        self._lock = threading.Lock()
        # Where the node has no such folder, only absolute paths are found.
        with suppress(OSError):
            os.chdir(folder)
            if searches_folder and folder not in sys.path:
                sys.path.append(folder)
        # A spawned process imports its parent's main module, and Ray's is no business of a worker.
        with suppress(AttributeError):
            delattr(sys.modules["__main__"], "__file__")

    def facts(self) -> HostFacts:
        """See `HostFacts`."""
        return HostFacts(
            socket.gethostname(), cpu_model(), versions(), worker_memory_limit(max(1, usable_cores()))
        )

    def renew(self, life: int) -> None:
        """Be rid of the worker process, if there is one, and start the next.

        Args:
            life: Its number.
        """
        with self._lock:
            self._discard()
            with starting():
                self._member = LocalWorker(self._settings)
            self._life = life

    def post(self, life: int, message: Any) -> None:
        """Send the worker something; what is meant for an earlier one is dropped."""
        member = self._member
        if member is None or life != self._life:
            return
        if isinstance(message, PicturePlan):
            self._plan = message = self._here(message)
        # Its death is found by whoever collects.
        with suppress(OSError):
            member.connection.send(message)

    def collect(self, life: int, wait_s: float) -> Heard:
        """Wait until the worker has said something, and return all of it.

        Args:
            life: Its number.
            wait_s: Longest wait, seconds.
        """
        member = self._member
        if member is None or life != self._life:
            # The order to start it has not come through yet.
            time.sleep(0.01)
            return Heard(life, ())
        messages: list[Any] = []
        # A process that it has forked holds the connection open beyond its death.
        is_dead = not member.is_alive
        wait = 0.0 if is_dead else wait_s
        try:
            while member.connection.poll(wait):
                message, wait = member.connection.recv(), 0.0
                if isinstance(message, EpisodeRecord):
                    messages += self._pictures_of(message.spec)
                messages.append(message)
        except (EOFError, OSError):
            is_dead = True
        if is_dead:
            with self._lock:
                if life == self._life and self._member is member:
                    lost = member.death()
                    messages.append(Lost(lost.reason, lost.said))
                    self._member = None
        return Heard(life, tuple(messages), memory_held(member.pid))

    def end(self, life: int, reason: str) -> Lost:
        """End a worker that hangs; see `WorkerHandle.end`."""
        with self._lock:
            member = self._member
            if member is None or life != self._life:
                return Lost(reason, "")
            self._member = None
            lost: ProcessLostError = member.end(reason)
            return Lost(lost.reason, lost.said)

    def close(self) -> None:
        """Let the worker end in order, and leave nothing behind."""
        with self._lock:
            if self._member is not None:
                self._member.stop()
                self._member.join()
                self._member = None
        self._pictures.cleanup()

    def _discard(self) -> None:
        if self._member is not None:
            self._member.kill()
            self._member.join()
            self._member = None

    def _here(self, plan: PicturePlan) -> PicturePlan:
        """The same pictures in a folder of this node: the driver is the only one to write into the run."""
        folder = Path(self._pictures.name)
        strips, videos = folder / STRIPS_NAME, folder / VIDEOS_NAME
        for place in (strips, videos):
            place.mkdir(exist_ok=True)
        return replace(plan, strips=strips if plan.strips is not None else None, videos=videos)

    def _pictures_of(self, spec: EpisodeSpec) -> list[Picture]:
        if self._plan is None:
            return []
        paths = self._plan.paths(spec)
        found = []
        for path in (paths.strip, paths.video):
            if path is not None and path.exists():
                found.append(Picture(path.parent.name, path.name, path.read_bytes()))
                path.unlink()
        return found


# Marked here, where every process that reads the class sees it, a Ray client's server among them.
for _group, _methods in ((ORDERS, (Host.renew, Host.post)), (EARS, (Host.collect,))):
    for _method in _methods:
        ray.method(concurrency_group=_group)(_method)

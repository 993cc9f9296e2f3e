"""The parent's side of shared inference: it starts the inference process and owns the shared memory."""

import multiprocessing
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from fdp_bench.api.errors import RunError, SpecError, nearest
from fdp_bench.runner.inference_server.server import (
    NewWorker,
    Served,
    ServeRequest,
    SharedSlots,
    serve_policies,
)
from fdp_bench.runner.inference_server.shared_memory import SlotLayout
from fdp_bench.runner.processes.process import START_S, Child
from fdp_bench.runner.rollout.preflight import ResolvedPolicy

#: Where policies are asked: in each worker, or in one process for all of them.
IN_WORKER, SHARED = "worker", "shared"
#: Where Linux keeps shared memory.
_SHARED_MEMORY = Path("/dev/shm")


def choose_inference(asked: str | None, device: str) -> str:
    """Where policies are asked: as asked for, else in each worker on a CPU and in one process on any other device.

    Raises:
        SpecError: If it is neither ``"worker"`` nor ``"shared"``.
    """
    if asked is None:
        return IN_WORKER if device == "cpu" else SHARED
    if asked not in (IN_WORKER, SHARED):
        raise SpecError(f"inference {asked!r} is not known{nearest(asked, (IN_WORKER, SHARED))}")
    return asked


class SharedInference:
    """The inference process of a run.

    Make it inside `fdp_bench.runner.processes.process_setup.starting`, before the workers.

    Args:
        workers: Number of workers that it will serve.

    Attributes:
        process: The inference process.
    """

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        pairs = [context.Pipe() for _ in range(workers)]
        self._for_workers = [pair[0] for pair in pairs]
        ours = [pair[1] for pair in pairs]
        self.process = Child("the inference process", serve_policies, (ours,))
        for connection in ours:
            connection.close()
        self._memory: SharedMemory | None = None
        self._slots: list[SharedSlots] = []

    def take_connection(self) -> Connection:
        """The next worker's connection to the inference process; close it here once the worker was started."""
        if self._for_workers:
            return self._for_workers.pop(0)
        theirs, ours = multiprocessing.get_context("spawn").Pipe()
        with ours:
            self.process.send(NewWorker(ours))
        return theirs

    def slots(self, worker: int) -> SharedSlots:
        """Where a worker's slots are; one that replaces another uses the other's."""
        return self._slots[worker]

    def prepare(
        self, request: ServeRequest, dtypes: Mapping[str, str], workers: int, lanes: int
    ) -> tuple[ResolvedPolicy, ...]:
        """Have the policies checked and loaded, and make the slots.

        Args:
            request: What is to be served.
            dtypes: Observation key -> dtype's name.
            workers: Number of workers.
            lanes: Slots of each.

        Returns:
            The policies, resolved.

        Raises:
            FdpBenchError: Whatever is wrong with the policies; that there is no room for the slots.
        """
        self.process.send(request)
        served = self.process.receive_within(START_S)
        assert isinstance(served, Served)
        layouts = tuple(SlotLayout.of(facts, request.task, dtypes) for facts in served.facts)
        size = max(layout.size for layout in layouts)
        _check_room(size * workers * lanes)
        self._memory = SharedMemory(create=True, size=size * workers * lanes)
        shared = SharedSlots(self._memory.name, size, served.facts, layouts)
        self.process.send(shared)
        self._slots = [replace(shared, first=number * lanes) for number in range(workers)]
        return served.policies

    def join(self) -> None:
        """Wait until the process, told to stop or killed, has ended, and give the shared memory back."""
        self.process.join()
        for connection in self._for_workers:
            connection.close()
        if self._memory is not None:
            self._memory.close()
            # Somebody else may have swept /dev/shm.
            with suppress(FileNotFoundError):
                self._memory.unlink()
            self._memory = None


def _check_room(needed: int) -> None:
    """Memory that is not there would end whoever writes to it, and nobody would know why (SIGBUS)."""
    if not _SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(_SHARED_MEMORY).free
    if needed > free:
        raise RunError(
            f"{_SHARED_MEMORY} has {free / 2**20:.1f} MiB free, and the workers need {needed / 2**20:.1f} MiB there; "
            "enlarge it (in a container --shm-size), or run with fewer --workers or --lanes, or --inference worker"
        )

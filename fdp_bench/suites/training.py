"""Training what a sweep lacks, through `Policy.fit`, one folder after the other or several side by side."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from fdp_bench.api.errors import PluginError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.plugins import load_policy
from fdp_bench.records.provenance import usable_cores
from fdp_bench.specs import parse_policy
from fdp_bench.suites.cells import Cell

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Assignment:
    """One training.

    Attributes:
        cell: What is trained.
        task: Its task.
        data: Demonstration file.
        out: Folder of the checkpoint.
        reuse: Folders with parts that need not be trained again.
        device: Torch-style device name.
    """

    cell: Cell
    task: TaskInfo
    data: Path
    out: Path
    reuse: tuple[Path, ...]
    device: str


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        assignment: What was asked for.
        checkpoint: Where its weights lie.
        wall_time_s: Wall time in seconds.
    """

    assignment: Assignment
    checkpoint: Path
    wall_time_s: float


def train(assignment: Assignment) -> Trained:
    """Train one cell; goes on where an earlier call was killed, if the policy can.

    Raises:
        FdpBenchError: Whatever the policy says.
        PluginError: If it fails in a way that it does not explain.
    """
    cell = assignment.cell
    spec = parse_policy(cell.policy)
    settings = {
        **cell.settings,
        "device": assignment.device,
        "reuse": os.pathsep.join(map(str, assignment.reuse)),
    }
    started = time.monotonic()
    try:
        checkpoint = load_policy(spec.name).fit(
            spec, assignment.task, assignment.data, assignment.out, settings
        )
    except NotImplementedError as error:
        raise PluginError(f"{error}; a suite's policies need a 'fit' (policies/README.md)") from None
    return Trained(assignment, Path(checkpoint), round(time.monotonic() - started, 1))


def train_all(assignments: Sequence[Assignment], jobs: int, take: Callable[[Trained], None]) -> None:
    """Train everything, each folder's cells one after the other: they may share parts.

    Args:
        assignments: What is to be trained.
        jobs: Folders at once; more than one train in processes of their own that share the cores.
        take: Called with each finished training, in this process.

    Raises:
        FdpBenchError: The first error; trainings under way are finished first.
    """
    folders: dict[Path, list[Assignment]] = {}
    for assignment in assignments:
        folders.setdefault(assignment.out, []).append(assignment)
    if jobs == 1 or len(folders) < 2:
        for assignment in assignments:
            take(train(assignment))
        return
    with (
        _threads_a_process(max(1, usable_cores() // jobs)),
        ProcessPoolExecutor(min(jobs, len(folders)), get_context("spawn")) as pool,
    ):
        waiting = [pool.submit(_train_folder, members) for members in folders.values()]
        try:
            for done in as_completed(waiting):
                for trained in done.result():
                    take(trained)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _train_folder(assignments: Sequence[Assignment]) -> list[Trained]:
    return [train(assignment) for assignment in assignments]


@contextmanager
def _threads_a_process(threads: int) -> Iterator[None]:
    """Children that start inside use so many threads each, unless the environment says otherwise."""
    added = [name for name in _THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(threads)))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]

"""What runs a run's episodes: processes of this machine, or workers on a Ray cluster.

Whatever an executor is, the records are the same, wall times aside. Each of them hands out episodes, replaces workers
that die, hang or raise, tries their episodes again, and yields records to the one process that writes them.
"""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RunError, SpecError
from fdp_bench.extras import install_command
from fdp_bench.runner.config import LOCAL, ExecutorSpec
from fdp_bench.runner.inference_server.process import IN_WORKER, SHARED, choose_inference
from fdp_bench.runner.processes.messages import PicturePlan, WorkerSettings
from fdp_bench.runner.rollout.preflight import PreflightReport, PreflightRequest
from fdp_bench.runner.workers.worker_handle import Incident, Limits


class Executor(Protocol):
    """Runs episodes. Used as a context: left in order it closes its workers, left by an error it ends them.

    Attributes:
        inference: Where policies are asked, see `fdp_bench.runner.inference_server.process`.
        incidents: Workers that had to be replaced, and why.
    """

    inference: str
    incidents: list[Incident]

    def __enter__(self) -> Self:
        """Reach for what it runs on."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        ...

    def default_workers(self, lanes: int) -> int:
        """Workers that there is room for, >= 1.

        Args:
            lanes: Episodes that a worker steps side by side.
        """
        ...

    def preflight(self, request: PreflightRequest, workers: int = 1) -> PreflightReport:
        """Check a request, and get ready to run it: episodes run later in the environments that are built here.

        Args:
            request: What is to be checked.
            workers: Workers, >= 1; `run` may use no more. Each checks by itself, at the same time, and the first one's
                report counts.

        Raises:
            FdpBenchError: Whatever is wrong with the request.
        """
        ...

    def run(
        self,
        chunks: Iterable[tuple[EpisodeSpec, ...]],
        workers: int,
        pictures: PicturePlan,
        tick: Callable[[], None] = lambda: None,
    ) -> Iterator[EpisodeRecord]:
        """Run episodes and yield their records as they end.

        Workers that die, hang or raise are replaced. The episodes that such a worker had under way are run once more,
        each alone in a fresh process; what goes wrong again is recorded as an error.

        Args:
            chunks: Episodes handed out together, in the order they are handed out. The next is asked for when a
                worker has room for it, after all earlier records were yielded.
            workers: Workers, >= 1, of those that `preflight` started.
            pictures: Which pictures are kept. They are in their folders when the episode's record is yielded.
            tick: Called at least every second.

        Raises:
            FdpBenchError: If an arm cannot be run at all.
            RunError: If workers die again and again before they can start an episode, or none can be had.
        """
        ...

    def times(self) -> list[dict[str, float]]:
        """Seconds by phase of each worker so far; see `fdp_bench.runner.rollout.timing`. No episode may be under way.

        What a worker did that was lost is not known.
        """
        ...

    def facts(self) -> dict[str, Any]:
        """What a manifest's invocation keeps of it, ``executor`` at least. JSON-ready."""
        ...


def make_executor(
    spec: ExecutorSpec, settings: WorkerSettings, inference: str | None, limits: Limits | None
) -> Executor:
    """Make an executor; nothing is started before it is entered.

    Args:
        spec: Which.
        settings: Settings that every worker gets.
        inference: Where policies are asked, ``"worker"`` or ``"shared"``; None for what suits executor and device.
        limits: When a worker is replaced; None for what follows from the machine and the episodes.

    Raises:
        SpecError: If `inference` is not known, or shared on a cluster.
        RunError: If the executor's package is missing.
    """
    if spec.kind == LOCAL:
        from fdp_bench.runner.workers.local_pool import WorkerPool

        return WorkerPool(settings, choose_inference(inference, settings.device), limits)
    if inference is not None and choose_inference(inference, settings.device) == SHARED:
        raise SpecError(
            f"--inference {SHARED} shares memory, which machines of a cluster cannot; leave it out, and let workers "
            "share a GPU with --worker-gpus 0.25"
        )
    try:
        from fdp_bench.runner.ray_cluster.pool import RayPool
    except ImportError as error:
        if error.name != "ray":
            raise
        raise RunError(
            f"--executor ray needs Ray, which is not installed; install it with: {install_command('ray')}"
        ) from error
    return RayPool(settings, spec, IN_WORKER, limits)

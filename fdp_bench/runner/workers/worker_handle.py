"""Workers as their supervisor sees them, wherever they run: what each still owes, and when one is replaced."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.inference_server.process import SharedInference
from fdp_bench.runner.processes.messages import PicturePlan, WorkerSettings
from fdp_bench.runner.processes.process import START_S, ProcessLostError

#: A worker hangs when it shows no sign of life for this many times the longest episode so far; it shows one after each
#: decision at the latest, and an episode is made of many.
_HANG_FACTOR = 10.0
#: The least that counts as hanging, seconds: a machine may be busy.
_HANG_FLOOR_S = 60.0
#: In place of a worker's place: the inference process has something to say.
INFERENCE = -1


class WorkerHandle(ABC):
    """One worker as whoever supervises it sees it: messages to and from, and the books of what it owes.

    Attributes:
        name: What errors call it.
        owed: Episodes handed out and not yet back, by id, in their order.
        started: Ids of those that it said it has started.
        is_fresh: Whether its process was never given an episode.
        is_alone: Whether it runs a single episode that went wrong before.
        is_retiring: Whether it gets no more episodes.
        silent_s: Seconds without a sign of life.
    """

    name = "a worker process"

    def start_books(self) -> None:
        """Begin anew: nothing is owed."""
        self.owed: dict[str, EpisodeSpec] = {}
        self.started: set[str] = set()
        self.is_fresh = True
        self.is_alone = self.is_retiring = False
        self.silent_s = 0.0

    def hand_out(self, chunk: tuple[EpisodeSpec, ...]) -> None:
        """Send it episodes; it owes them whether they arrive or not."""
        if not self.owed:
            self.silent_s = 0.0
        self.is_fresh = False
        self.owed.update({spec.id: spec for spec in chunk})
        self.send(chunk)

    def take(self, record: EpisodeRecord) -> None:
        """Note that an episode is back."""
        del self.owed[record.spec.id]
        self.started.discard(record.spec.id)

    @property
    def is_ready(self) -> bool:
        """Whether it can be given something; one that waits for a machine cannot."""
        return True

    @abstractmethod
    def send(self, message: Any) -> None:
        """Send it something; whether it arrives shows when it is listened to."""

    @abstractmethod
    def receive(self) -> Any:
        """Its next message.

        Raises:
            FdpBenchError: The failure that it reports.
            ProcessLostError: If it died, or raised something else.
        """

    @abstractmethod
    def end(self, reason: str) -> ProcessLostError:
        """End a process that does not answer.

        Args:
            reason: Why.

        Returns:
            What to say of it, with where it was, if it could still tell.
        """

    @abstractmethod
    def memory_held(self) -> int | None:
        """Bytes of memory that its process has to itself; None where nobody says."""


@dataclass(frozen=True)
class Limits:
    """When a worker is replaced, other than by its own death, and when a run stops because its episodes end in errors.

    Attributes:
        hang_s: Seconds without a sign of life, > 0; None for what follows from the episodes' measured times.
        worker_bytes: Memory that a worker may hold, bytes, > 0; None for its share of the machine's.
        max_errors: Errors after which three equal ones in a row of an arm stop the run; None for no number of them.
    """

    hang_s: float | None = None
    worker_bytes: int | None = None
    max_errors: int | None = None

    def patience_s(self, longest_episode_s: float | None) -> float:
        """Seconds of silence after which a worker with an episode under way counts as hanging.

        Args:
            longest_episode_s: Wall time of the longest episode so far; None where none has ended.
        """
        if self.hang_s is not None:
            return self.hang_s
        if longest_episode_s is None:
            return START_S
        return max(_HANG_FLOOR_S, _HANG_FACTOR * longest_episode_s)


@dataclass(frozen=True)
class Incident:
    """A worker, or the inference process, that was replaced.

    Attributes:
        reason: Why.
        episodes: Ids of the episodes that it had under way.
        said: The tail of what it wrote to standard error.
    """

    reason: str
    episodes: tuple[str, ...] = ()
    said: str = ""


class WorkerGroup(Protocol):
    """Workers that can be supervised.

    Attributes:
        settings: Settings that every worker got.
        limits: When a worker is replaced.
        incidents: Workers that had to be replaced, and why.
        sharing: The inference process that serves all workers; None where each asks policies of its own.
    """

    settings: WorkerSettings
    limits: Limits
    incidents: list[Incident]
    sharing: SharedInference | None

    @property
    def members(self) -> Sequence[WorkerHandle | None]:
        """The workers, one a place; None where one was replaced and its successor has had nothing to do yet."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether one process is asked for all workers."""
        ...

    def wait(self, busy: Mapping[int, WorkerHandle], timeout_s: float) -> list[int]:
        """Wait until a worker has something to say, or one that was not ready is.

        Args:
            busy: Place -> worker.
            timeout_s: Longest wait, seconds.

        Returns:
            Places out of `busy` whose next `WorkerHandle.receive` returns or raises at once; `INFERENCE` first.
        """
        ...

    def memory_limit(self, place: int, workers: int) -> int | None:
        """Bytes that a worker may hold before it is replaced; None where nobody says."""
        ...

    def spawn(self, place: int, pictures: PicturePlan) -> None:
        """Start a worker in an empty place, and send it what the others know."""
        ...

    def retire(self, place: int) -> None:
        """Let a worker that owes nothing go; its place is empty then, or has a fresh process."""
        ...

    def discard(self, place: int) -> None:
        """Be rid of a worker that is of no use any more; its place is empty then, or has a fresh process."""
        ...

    def restart_inference(self) -> None:
        """Replace the inference process, and with it all workers, which hold its connections and slots.

        Raises:
            FdpBenchError: If a new one cannot be had.
        """
        ...

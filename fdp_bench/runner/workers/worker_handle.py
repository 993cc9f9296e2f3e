"""What a worker owes, wherever it runs."""

from abc import ABC, abstractmethod
from typing import Any

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.processes.process import ProcessLostError


class CrewMember(ABC):
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

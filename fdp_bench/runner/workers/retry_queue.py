"""Episodes that nobody runs at the moment: those to come, those of lost workers, and what becomes of these."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RunError
from fdp_bench.runner.processes.process import ProcessLostError

#: So many workers in a row that die before they start an episode end the run: it is the machine, or the installation.
_MOST_STARTUP_FAILURES = 3
#: So many machines may be lost under an episode before it is recorded as an error.
_MACHINES = 3


class RetryQueue:
    """Episodes to be handed out.

    If a worker is lost before an episode's record is there, an episode that had not started goes back to the others,
    and one that had is *quarantined*: it is run alone, by a worker that has run nothing yet. If its process is lost
    again, it is recorded as an error. An episode whose machine was lost is not quarantined: it goes back to the
    others, a few times at most.

    Args:
        chunks: Episodes that are handed out together, asked for one by one.

    Attributes:
        quarantined: Episodes that are run alone next.
        returned: Chunks that are handed out again.
        startup_failures: Workers in a row that were lost before they started an episode.
    """

    def __init__(self, chunks: Iterable[tuple[EpisodeSpec, ...]]) -> None:
        self._chunks = iter(chunks)
        self._is_exhausted = False
        self.returned: deque[tuple[EpisodeSpec, ...]] = deque()
        self.quarantined: deque[EpisodeSpec] = deque()
        self.startup_failures = 0
        self._machines_lost: Counter[str] = Counter()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left, as far as was asked."""
        return self._is_exhausted and not self.quarantined and not self.returned

    def next_chunk(self) -> tuple[EpisodeSpec, ...] | None:
        """What is handed out next, quarantined episodes aside; None for nothing."""
        if self.returned:
            return self.returned.popleft()
        chunk = next(self._chunks, None)
        self._is_exhausted |= chunk is None
        return chunk

    def on_worker_lost(
        self,
        lost: ProcessLostError,
        under_way: list[EpisodeSpec],
        waiting: list[EpisodeSpec],
        *,
        alone: bool,
        places: int,
    ) -> Iterator[EpisodeRecord]:
        """Decide what becomes of the episodes of a lost process.

        Args:
            lost: What became of it.
            under_way: Episodes that it had started.
            waiting: Episodes that it had not.
            alone: Whether it ran a quarantined episode.
            places: Workers of the run.

        Yields:
            Records of episodes that are not tried again.

        Raises:
            RunError: If workers die again and again before they start an episode.
        """
        if not under_way:
            self._count_startup_failure(lost, places)
        if waiting and alone:
            self.quarantined.extendleft(reversed(waiting))
        elif waiting:
            self.returned.append(tuple(waiting))
        if lost.is_of_machine:
            yield from self._move(lost, under_way, alone)
        elif not alone:
            self.quarantined.extend(under_way)
        else:
            for spec in under_way:
                yield _error(
                    spec, f"its process {lost.reason}; the second try, alone in a fresh process", lost
                )

    def _count_startup_failure(self, lost: ProcessLostError, places: int) -> None:
        self.startup_failures += 1
        # Machines go together, with all their workers.
        if self.startup_failures >= _MOST_STARTUP_FAILURES * (places if lost.is_of_machine else 1):
            raise RunError(
                f"{self.startup_failures} processes in a row were lost before they could start an episode; the last "
                f"one: {lost}{_quoted(lost.said)}"
            ) from lost

    def _move(
        self, lost: ProcessLostError, under_way: list[EpisodeSpec], alone: bool
    ) -> Iterator[EpisodeRecord]:
        """Run episodes elsewhere whose machine was lost, unless too many were lost under them."""
        for spec in under_way:
            self._machines_lost[spec.id] += 1
            times = self._machines_lost[spec.id]
            if times > _MACHINES:
                yield _error(
                    spec,
                    f"its machine was lost {times} times while it ran; the last time its process {lost.reason}",
                    lost,
                )
            elif alone:
                self.quarantined.appendleft(spec)
            else:
                self.returned.append((spec,))


def _error(spec: EpisodeSpec, why: str, lost: ProcessLostError) -> EpisodeRecord:
    return EpisodeRecord(spec, "error", False, False, 0, error=why, said=lost.said)


def _quoted(said: str) -> str:
    line = said.strip().splitlines()[-1:]
    return f" ({line[0]})" if line else ""

"""One run's episodes over the workers of a pool: handed out, watched, tried again, recorded."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RunError
from fdp_bench.runner.child import ProcessLostError
from fdp_bench.runner.duties import CrewMember
from fdp_bench.runner.messages import Started

if TYPE_CHECKING:
    from fdp_bench.runner.sharing import SharedInference
    from fdp_bench.runner.worker import PicturePlan, WorkerSettings

#: Longest wait for a message, seconds: how often silence is looked at and records are made durable.
_TICK_S = 0.5
#: A worker hangs when it shows no sign of life for this many times the longest episode so far; it shows one after each
#: decision at the latest, and an episode is made of many.
_HANG_FACTOR = 10.0
#: The least that counts as hanging, seconds: a machine may be busy.
_HANG_FLOOR_S = 60.0
#: What counts while nothing has been measured, or a process is still getting ready: libraries are loaded, code is
#: compiled, a GPU wakes up.
_START_S = 600.0
#: So many workers in a row that die before they start an episode end the run: it is the machine, or the installation.
_STILLBORN = 3
#: So many machines may be lost under an episode before it is recorded as an error.
_MACHINES = 3
#: In place of a worker's place: the inference process has something to say.
INFERENCE = -1


@dataclass(frozen=True)
class Limits:
    """When a worker is replaced, other than by its own death.

    Attributes:
        hang_s: Seconds without a sign of life, > 0; None for what follows from the episodes' measured times.
        worker_bytes: Memory that a worker may hold, bytes, > 0; None for its share of the machine's.
    """

    hang_s: float | None = None
    worker_bytes: int | None = None

    def patience_s(self, longest_episode_s: float | None) -> float:
        """Seconds of silence after which a worker with an episode under way counts as hanging.

        Args:
            longest_episode_s: Wall time of the longest episode so far; None where none has ended.
        """
        if self.hang_s is not None:
            return self.hang_s
        if longest_episode_s is None:
            return _START_S
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


class Crew(Protocol):
    """Workers that can be supervised.

    Attributes:
        settings: What every worker was told.
        limits: When a worker is replaced.
        incidents: Workers that had to be replaced, and why.
        sharing: The inference process that serves all workers; None where each asks policies of its own.
    """

    settings: "WorkerSettings"
    limits: Limits
    incidents: list[Incident]
    sharing: "SharedInference | None"

    @property
    def members(self) -> Sequence[CrewMember | None]:
        """The workers, one a place; None where one was replaced and its successor has had nothing to do yet."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether one process is asked for all workers."""
        ...

    def wait(self, busy: Mapping[int, CrewMember], timeout_s: float) -> list[int]:
        """Wait until a worker has something to say, or one that was not ready is.

        Args:
            busy: Place -> worker.
            timeout_s: Longest wait, seconds.

        Returns:
            Places out of `busy` whose next `CrewMember.receive` returns or raises at once; `INFERENCE` first.
        """
        ...

    def memory_limit(self, place: int, workers: int) -> int | None:
        """Bytes that a worker may hold before it is replaced; None where nobody says."""
        ...

    def spawn(self, place: int, pictures: "PicturePlan") -> None:
        """Start a worker in an empty place, told what the others know.

        Raises:
            ProcessLostError: If it, or the inference process, dies at once.
        """
        ...

    def retire(self, place: int) -> None:
        """Let a worker that owes nothing go; its place is empty then, or has a fresh process."""
        ...

    def bury(self, place: int) -> None:
        """Be rid of a worker that is of no use any more; its place is empty then, or has a fresh process."""
        ...

    def restart_inference(self) -> None:
        """Replace the inference process, and with it all workers, which hold its connections and slots.

        Raises:
            FdpBenchError: If a new one cannot be had.
        """
        ...


class Supervision:
    """Runs episodes; see `fdp_bench.runner.executor.Executor.run`.

    An episode is handed out once. If its worker is lost before the record is there, an episode that had not started
    goes back to the others, and one that had is a *suspect*: it is run alone, by a worker that has run nothing yet. A
    suspect whose process is lost again is recorded as an error. Where one inference process serves all, nobody else
    runs beside a suspect, so that whatever takes that process down is known. An episode whose machine was lost under it
    is no suspect: it goes back to the others, a few times at most.
    """

    def __init__(
        self,
        pool: Crew,
        chunks: Iterable[tuple[EpisodeSpec, ...]],
        workers: int,
        pictures: "PicturePlan",
        tick: Callable[[], None],
    ) -> None:
        self._pool, self._pictures, self._tick = pool, pictures, tick
        self._chunks = iter(chunks)
        self._returned: deque[tuple[EpisodeSpec, ...]] = deque()
        self._suspects: deque[EpisodeSpec] = deque()
        self._places = range(min(workers, len(pool.members)))
        self._is_exhausted = False
        self._longest_s: float | None = None
        self._stillborn = 0
        self._machines_lost: Counter[str] = Counter()
        self._idle_since: float | None = None

    def records(self) -> Iterator[EpisodeRecord]:
        """Run the episodes and yield their records as they end."""
        for place in self._places:
            member = self._pool.members[place]
            if member is not None and member.is_ready:
                try:
                    member.send(self._pictures)
                except ProcessLostError as lost:
                    yield from self._lose(place, lost)
        while True:
            yield from self._hand_out()
            busy = {place: member for place, member in self._members() if member.owed}
            if busy:
                self._idle_since = None
                yield from self._listen(busy)
            elif self._is_exhausted and not self._suspects and not self._returned:
                return
            else:
                self._wait_for_somebody()

    def _wait_for_somebody(self) -> None:
        """There is work, and nobody is ready for it."""
        self._idle_since = time.monotonic() if self._idle_since is None else self._idle_since
        if time.monotonic() - self._idle_since > _START_S:
            raise RunError(f"no worker could be had for {_START_S:.0f} s: no machine has room for one")
        self._pool.wait({}, _TICK_S)
        self._tick()

    def _members(self) -> list[tuple[int, CrewMember]]:
        members = [(place, self._pool.members[place]) for place in self._places]
        return [(place, member) for place, member in members if member is not None]

    def _hand_out(self) -> Iterator[EpisodeRecord]:
        while self._suspects and (place := self._place_for_suspect()) is not None:
            spec = self._suspects.popleft()
            yield from self._give(place, (spec,), alone=True)
        if self._pool.is_shared and (self._suspects or any(m.is_alone for _, m in self._members())):
            return
        while (place := self._place_with_room()) is not None:
            chunk = self._returned.popleft() if self._returned else next(self._chunks, None)
            if chunk is None:
                self._is_exhausted = True
                return
            yield from self._give(place, chunk)

    def _give(
        self, place: int, chunk: tuple[EpisodeSpec, ...], *, alone: bool = False
    ) -> Iterator[EpisodeRecord]:
        try:
            if self._pool.members[place] is None:
                self._pool.spawn(place, self._pictures)
            member = self._pool.members[place]
            assert member is not None
            member.is_alone = alone
            member.hand_out(chunk)
        except ProcessLostError as lost:
            if self._pool.members[place] is None:
                self._returned.appendleft(chunk)
            yield from self._lose(place, lost)

    def _place_for_suspect(self) -> int | None:
        """A place whose worker has run nothing yet; under shared inference, only when nobody else runs."""
        if self._pool.is_shared and any(member.owed for _, member in self._members()):
            return None
        for place in self._places:
            member = self._pool.members[place]
            if member is None:
                return place
            if member.is_ready and not member.owed:
                if not member.is_fresh:
                    self._pool.retire(place)
                return place
        return None

    def _place_with_room(self) -> int | None:
        """Where the next chunk goes: the worker with the least to do.

        One has a chunk in hand beside the episodes under way: no free lane waits for the parent, and little is left
        to one worker when the others have ended.
        """
        loads = {}
        for place in self._places:
            member = self._pool.members[place]
            if member is None or (member.is_ready and not (member.is_alone or member.is_retiring)):
                loads[place] = 0 if member is None else len(member.owed)
        least = min(loads, key=lambda place: loads[place], default=None)
        return least if least is not None and loads[least] <= self._pool.settings.lanes else None

    def _listen(self, busy: Mapping[int, CrewMember]) -> Iterator[EpisodeRecord]:
        sharing = self._pool.sharing
        begun = time.monotonic()
        heard = self._pool.wait(busy, _TICK_S)
        # What this process slept through, stopped by Ctrl-Z for instance, is nobody's silence.
        waited = min(time.monotonic() - begun, 2 * _TICK_S)
        self._tick()
        if sharing and INFERENCE in heard:
            # It has nothing to say while episodes run, so these are its last words; a worker's would only repeat
            # that nobody answers.
            try:
                sharing.process.receive()
            except ProcessLostError as lost:
                yield from self._lose_inference(lost)
                return
        for place in heard:
            yield from self._hear(place)
            if self._pool.sharing is not sharing:
                return
        for place, member in busy.items():
            if place in heard or self._pool.members[place] is not member:
                continue
            member.silent_s += waited
            if member.silent_s > self._patience_s(member):
                yield from self._end_hanging(place, member)
                if self._pool.sharing is not sharing:
                    return

    def _hear(self, place: int) -> Iterator[EpisodeRecord]:
        member = self._pool.members[place]
        assert member is not None
        try:
            message = member.receive()
        except ProcessLostError as lost:
            yield from self._lose(place, lost)
            return
        member.silent_s = 0.0
        if isinstance(message, Started):
            member.started.add(message.episode)
            self._stillborn = 0
        elif isinstance(message, EpisodeRecord):
            member.take(message)
            if message.status == "ok":
                self._longest_s = max(self._longest_s or 0.0, message.wall_time_s)
            self._look_after(place, member)
            yield message

    def _look_after(self, place: int, member: CrewMember) -> None:
        """Between two episodes: let go of a worker that has grown too large."""
        member.is_alone = False
        most = self._pool.memory_limit(place, len(self._places))
        held = member.memory_held() if most else None
        if held is not None and most and held > most and not member.is_retiring:
            member.is_retiring = True
            self._pool.incidents.append(
                Incident(
                    f"{member.name} held {_mib(held)} of memory, more than {_mib(most)}, and was replaced "
                    "between episodes"
                )
            )
        if member.is_retiring and not member.owed:
            self._pool.retire(place)

    def _patience_s(self, member: CrewMember) -> float:
        patience = self._pool.limits.patience_s(self._longest_s)
        return patience if member.started else max(patience, _START_S)

    def _end_hanging(self, place: int, member: CrewMember) -> Iterator[EpisodeRecord]:
        lost = member.end("gave no sign of life and was ended")
        if self._pool.sharing is not None:
            # The worker waits for the inference process as a rule; nobody but that process could say.
            yield from self._lose_inference(lost)
        else:
            yield from self._lose(place, lost)

    def _lose(self, place: int, lost: ProcessLostError) -> Iterator[EpisodeRecord]:
        """Replace a worker that is lost."""
        sharing = self._pool.sharing
        if sharing is not None and (lost.is_of_inference or not sharing.process.is_alive):
            yield from self._lose_inference(sharing.process.last_error())
            return
        member = self._pool.members[place]
        under_way, waiting = _split(member)
        alone = member is not None and member.is_alone
        self._pool.bury(place)
        yield from self._judge(lost, under_way, waiting, alone)

    def _lose_inference(self, lost: ProcessLostError) -> Iterator[EpisodeRecord]:
        """Replace the inference process and all workers, since any of their episodes may be what ended it."""
        under_way: list[EpisodeSpec] = []
        waiting: list[EpisodeSpec] = []
        alone = False
        for _, member in self._members():
            started, others = _split(member)
            under_way += started
            waiting += others
            alone |= member.is_alone and bool(started)
        self._pool.restart_inference()
        yield from self._judge(lost, under_way, waiting, alone)

    def _judge(
        self, lost: ProcessLostError, under_way: list[EpisodeSpec], waiting: list[EpisodeSpec], alone: bool
    ) -> Iterator[EpisodeRecord]:
        """Decide what becomes of the episodes of a lost process."""
        self._pool.incidents.append(Incident(str(lost), tuple(spec.id for spec in under_way), lost.said))
        if not under_way:
            self._stillborn += 1
            # Machines go together, with all their workers.
            if self._stillborn >= _STILLBORN * (len(self._places) if lost.is_of_machine else 1):
                raise RunError(
                    f"{self._stillborn} processes in a row were lost before they could start an episode; the last one: "
                    f"{lost}{_quoted(lost.said)}"
                ) from lost
        if waiting and alone:
            self._suspects.extendleft(reversed(waiting))
        elif waiting:
            self._returned.append(tuple(waiting))
        if lost.is_of_machine:
            yield from self._move(lost, under_way, alone)
            return
        if not alone:
            self._suspects.extend(under_way)
            return
        for spec in under_way:
            error = f"its process {lost.reason}; the second try, alone in a fresh process"
            yield EpisodeRecord(spec, "error", False, False, 0, error=error, said=lost.said)

    def _move(
        self, lost: ProcessLostError, under_way: list[EpisodeSpec], alone: bool
    ) -> Iterator[EpisodeRecord]:
        """Run episodes elsewhere whose machine was lost, unless too many were lost under them."""
        for spec in under_way:
            self._machines_lost[spec.id] += 1
            times = self._machines_lost[spec.id]
            if times > _MACHINES:
                error = f"its machine was lost {times} times while it ran; the last time its process {lost.reason}"
                yield EpisodeRecord(spec, "error", False, False, 0, error=error, said=lost.said)
            elif alone:
                self._suspects.appendleft(spec)
            else:
                self._returned.append((spec,))


def _split(member: CrewMember | None) -> tuple[list[EpisodeSpec], list[EpisodeSpec]]:
    """Episodes that a worker had started, and those that it had not."""
    owed = list(member.owed.values()) if member is not None else []
    started = member.started if member is not None else set()
    return [spec for spec in owed if spec.id in started], [spec for spec in owed if spec.id not in started]


def _mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


def _quoted(said: str) -> str:
    line = said.strip().splitlines()[-1:]
    return f" ({line[0]})" if line else ""

"""One run's episodes over the workers of a pool: handed out, watched, tried again, recorded."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import FdpBenchError, RunError, UnsupportedShiftError
from fdp_bench.runner.processes.messages import PicturePlan, Started
from fdp_bench.runner.processes.process import START_S, ProcessLostError
from fdp_bench.runner.processes.stderr_tail import TAIL_CHARACTERS
from fdp_bench.runner.workers.retry_queue import RetryQueue
from fdp_bench.runner.workers.worker_handle import INFERENCE, Incident, WorkerGroup, WorkerHandle

#: Longest wait for a message, seconds: how often silence is looked at and records are made durable.
_TICK_S = 0.5


class Supervisor:
    """Runs episodes; see `fdp_bench.runner.executor.Executor.run`.

    An episode is handed out once; `fdp_bench.runner.workers.retry_queue.RetryQueue` says what becomes of it when its
    worker is lost. Where one inference process serves all, a quarantined episode runs alone, so that whatever ends that
    process is known.
    """

    def __init__(
        self,
        pool: WorkerGroup,
        chunks: Iterable[tuple[EpisodeSpec, ...]],
        workers: int,
        pictures: PicturePlan,
        tick: Callable[[], None],
    ) -> None:
        self._pool, self._pictures, self._tick = pool, pictures, tick
        self._queue = RetryQueue(chunks)
        self._places = range(min(workers, len(pool.members)))
        self._longest_s: float | None = None
        self._idle_since: float | None = None

    def records(self) -> Iterator[EpisodeRecord]:
        """Run the episodes and yield their records as they end."""
        for place in self._places:
            member = self._pool.members[place]
            if member is not None and member.is_ready:
                member.send(self._pictures)
        while True:
            self._hand_out()
            busy = {place: member for place, member in self._members() if member.owed}
            if busy:
                self._idle_since = None
                yield from self._listen(busy)
            elif self._queue.is_done:
                return
            else:
                self._wait_for_somebody()

    def _wait_for_somebody(self) -> None:
        """There is work, and nobody is ready for it."""
        self._idle_since = time.monotonic() if self._idle_since is None else self._idle_since
        if time.monotonic() - self._idle_since > START_S:
            raise RunError(f"no worker could be had for {START_S:.0f} s: no machine has room for one")
        self._pool.wait({}, _TICK_S)
        self._tick()

    def _members(self) -> list[tuple[int, WorkerHandle]]:
        members = [(place, self._pool.members[place]) for place in self._places]
        return [(place, member) for place, member in members if member is not None]

    def _hand_out(self) -> None:
        quarantined = self._queue.quarantined
        while quarantined and (place := self._place_for_quarantined()) is not None:
            self._give(place, (quarantined.popleft(),), alone=True)
        if self._pool.is_shared and (quarantined or any(m.is_alone for _, m in self._members())):
            return
        while (place := self._place_with_room()) is not None:
            chunk = self._queue.next_chunk()
            if chunk is None:
                return
            self._give(place, chunk)

    def _give(self, place: int, chunk: tuple[EpisodeSpec, ...], *, alone: bool = False) -> None:
        if self._pool.members[place] is None:
            self._pool.spawn(place, self._pictures)
        member = self._pool.members[place]
        assert member is not None
        member.is_alone = alone
        member.hand_out(chunk)

    def _place_for_quarantined(self) -> int | None:
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

    def _listen(self, busy: Mapping[int, WorkerHandle]) -> Iterator[EpisodeRecord]:
        sharing = self._pool.sharing
        begun = time.monotonic()
        heard = self._pool.wait(busy, _TICK_S)
        # What this process slept through, stopped by Ctrl-Z for instance, is nobody's silence.
        waited = min(time.monotonic() - begun, 2 * _TICK_S)
        self._tick()
        if sharing and INFERENCE in heard:
            # It has nothing to say while episodes run, so this is its end; a worker's message would only repeat
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
        except (RunError, UnsupportedShiftError):
            raise
        except FdpBenchError as error:
            # It passed the check before the run, so it may be this process, or this moment: a file that is not to be
            # had, a GPU that has gone. Whoever meets it again alone will say so.
            if member.is_alone:
                raise
            said = str(error.__cause__ or "")[-TAIL_CHARACTERS:]
            yield from self._lose(
                place, ProcessLostError(member.name, f"failed: {error}", said, has_raised=True)
            )
            return
        yield from self._take_in(place, member, message)

    def _take_in(self, place: int, member: WorkerHandle, message: Any) -> Iterator[EpisodeRecord]:
        member.silent_s = 0.0
        if isinstance(message, Started):
            member.started.add(message.episode)
            self._queue.startup_failures = 0
        elif isinstance(message, EpisodeRecord):
            if message.spec.id not in member.owed:
                yield from self._lose(
                    place, member.end("sent the record of an episode that it was not given")
                )
                return
            member.take(message)
            if message.status == "ok":
                self._longest_s = max(self._longest_s or 0.0, message.wall_time_s)
            self._look_after(place, member)
            yield message

    def _look_after(self, place: int, member: WorkerHandle) -> None:
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

    def _patience_s(self, member: WorkerHandle) -> float:
        patience = self._pool.limits.patience_s(self._longest_s)
        return patience if member.started else max(patience, START_S)

    def _end_hanging(self, place: int, member: WorkerHandle) -> Iterator[EpisodeRecord]:
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
        self._pool.discard(place)
        yield from self._retry_or_record(lost, under_way, waiting, alone)

    def _lose_inference(self, lost: ProcessLostError) -> Iterator[EpisodeRecord]:
        """Replace the inference process and all workers, since any of their episodes may be what ended it."""
        for place, member in self._members():
            yield from self._drain_messages(place, member)
        under_way: list[EpisodeSpec] = []
        waiting: list[EpisodeSpec] = []
        alone = False
        for _, member in self._members():
            started, others = _split(member)
            under_way += started
            waiting += others
            alone |= member.is_alone and bool(started)
        self._pool.restart_inference()
        yield from self._retry_or_record(lost, under_way, waiting, alone)

    def _drain_messages(self, place: int, member: WorkerHandle) -> Iterator[EpisodeRecord]:
        """Take in what a worker has said already: which episodes were under way must be known."""
        while member.owed and place in self._pool.wait({place: member}, 0.0):
            try:
                message = member.receive()
            except FdpBenchError:
                return
            if isinstance(message, EpisodeRecord) and message.spec.id not in member.owed:
                return
            yield from self._take_in(place, member, message)

    def _retry_or_record(
        self, lost: ProcessLostError, under_way: list[EpisodeSpec], waiting: list[EpisodeSpec], alone: bool
    ) -> Iterator[EpisodeRecord]:
        self._pool.incidents.append(Incident(str(lost), tuple(spec.id for spec in under_way), lost.said))
        yield from self._queue.on_worker_lost(lost, under_way, waiting, alone=alone, places=len(self._places))


def _split(member: WorkerHandle | None) -> tuple[list[EpisodeSpec], list[EpisodeSpec]]:
    """Episodes that a worker had started, and those that it had not."""
    owed = list(member.owed.values()) if member is not None else []
    started = member.started if member is not None else set()
    return [spec for spec in owed if spec.id in started], [spec for spec in owed if spec.id not in started]


def _mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"

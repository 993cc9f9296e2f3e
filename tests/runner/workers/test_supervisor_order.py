"""What is heard when two processes end at once: a worker's messages count, though the inference process was noticed."""

from collections import deque
from types import SimpleNamespace

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.processes.messages import Started
from fdp_bench.runner.processes.process import ProcessLostError
from fdp_bench.runner.workers.supervisor import Supervisor
from fdp_bench.runner.workers.worker_handle import INFERENCE, Limits, WorkerHandle

SPECS = [EpisodeSpec("toy", "blind", "", "clean", 0.0, index, 0) for index in range(3)]


def record_of(spec):
    return EpisodeRecord(spec, "ok", True, True, steps=1)


class Scripted(WorkerHandle):
    """A worker that says what it was told to say, whatever it is sent."""

    def __init__(self, says):
        self.says = deque(says)
        self.given = []
        self.start_books()

    def send(self, message):
        self.given.append(message)

    def receive(self):
        message = self.says.popleft()
        if isinstance(message, Exception):
            raise message
        return message

    def end(self, reason):
        raise AssertionError(reason)

    def memory_held(self):
        return None


class ScriptedWorkers:
    """Two workers beside an inference process that is dead when first looked at; the second two do as they are told."""

    is_shared = True
    settings = SimpleNamespace(lanes=1)
    limits = Limits()

    def __init__(self, first, then):
        self.members, self._then = [Scripted(says) for says in first], then
        self.incidents = []
        self.sharing = SimpleNamespace(process=SimpleNamespace(receive=self._die))

    def _die(self):
        raise ProcessLostError("the inference process", "was ended by SIGKILL", "")

    def wait(self, busy, timeout_s):
        dead = [INFERENCE] if self.sharing.process.receive == self._die else []
        heard = dead + [place for place, member in busy.items() if member.says]
        assert heard or not timeout_s, "nobody has anything to say any more"
        return heard

    def memory_limit(self, place, workers):
        return None

    def retire(self, place):
        self.members[place] = None

    def spawn(self, place, pictures):
        self.members[place] = Scripted(self._then.popleft())

    def restart_inference(self):
        self.members = [None for _ in self.members]
        self.sharing = SimpleNamespace(process=SimpleNamespace(receive=None))


def test_what_workers_had_said_when_inference_was_lost_counts():
    first, second, third = SPECS
    group = ScriptedWorkers(
        # The first had run an episode to its end; the second had begun one; both say so too late to be heard first.
        [[Started(first.id), record_of(first)], [Started(second.id)]],
        deque(
            [
                [Started(second.id), record_of(second), Started(third.id), record_of(third)],
                [Started(third.id), record_of(third)],
            ]
        ),
    )

    records = list(Supervisor(group, [(spec,) for spec in SPECS], 2, None, lambda: None).records())

    assert [record.spec.id for record in records] == [spec.id for spec in SPECS]
    assert [incident.episodes for incident in group.incidents] == [(second.id,)]

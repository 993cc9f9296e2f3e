"""The inference process: one policy on the device for all workers, asked through shared memory.

On a GPU, a policy in each worker would hold the network once a worker and keep the device busy with small batches. Here
workers only simulate. They write observations into slots of shared memory and send the slots' numbers; this process
gathers what has come in, asks the policy with a constant number of rows as a worker would (`BatchedPolicy`), and writes
actions into the same slots.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory

from fdp_bench.api.errors import SpecError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.policy import Policy
from fdp_bench.runner.inference_server.shared_memory import PolicyFacts, Slot, SlotLayout
from fdp_bench.runner.processes.messages import Beat, Failure
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy, PolicyError
from fdp_bench.runner.rollout.preflight import ResolvedPolicy, build_policy, check_policies
from fdp_bench.specs import parse_policy


@dataclass(frozen=True)
class ServeRequest:
    """Asks the inference process to check policies and to get ready for them.

    Attributes:
        policies: Policy strings as typed.
        task: The task.
        device: Device that policies are built on.
        batch_rows: Rows of every policy batch.
        act_timeout_s: Seconds that a policy may take for a decision; 0.0 for any time.
    """

    policies: tuple[str, ...]
    task: TaskInfo
    device: str
    batch_rows: int
    act_timeout_s: float = 0.0


@dataclass(frozen=True)
class Served:
    """What the inference process serves.

    Attributes:
        policies: The policies, resolved.
        facts: What workers must know of each, in the same order.
    """

    policies: tuple[ResolvedPolicy, ...]
    facts: tuple[PolicyFacts, ...]


@dataclass(frozen=True)
class SharedSlots:
    """Where the slots are.

    Attributes:
        memory: Name of the shared memory.
        slot_bytes: Bytes from one slot to the next.
        facts: What is served.
        layouts: How a slot is laid out for each of `facts`.
        first: Number of a worker's first slot.
    """

    memory: str
    slot_bytes: int
    facts: tuple[PolicyFacts, ...]
    layouts: tuple[SlotLayout, ...]
    first: int = 0


@dataclass(frozen=True)
class Question:
    """A worker's question: the actions for some slots.

    Attributes:
        policy: Number of the policy in `SharedSlots.facts`.
        slots: Numbers of the slots.
    """

    policy: int
    slots: tuple[int, ...]


@dataclass(frozen=True)
class NewWorker:
    """Tells the inference process of a worker that replaces another one, and uses its slots.

    Attributes:
        connection: To that worker.
    """

    connection: Connection


@dataclass(frozen=True)
class SlotAnswer:
    """What came of one slot's question; its actions lie in the slot.

    Attributes:
        fault: What was wrong with the actions; None where nothing was.
        fell_back: Whether a fallback chose them; None for a policy without one.
        traceback: Where the policy's code raised; empty where it did not.
    """

    fault: str | None
    fell_back: bool | None = None
    traceback: str = ""


#: The answer to a question, in the order of its slots.
Answer = tuple[SlotAnswer, ...]


class InferenceServer:
    """Serves workers until told to stop. Messages in: `ServeRequest`, `SharedSlots`, `NewWorker`, None to stop."""

    def __init__(self, parent: Connection, workers: Sequence[Connection]) -> None:
        self._parent = parent
        self._workers = list(workers)
        self._waiting: deque[tuple[Connection, Question]] = deque()
        self._request: ServeRequest | None = None
        self._policies: dict[int, BatchedPolicy] = {}
        self._shared: SharedSlots | None = None
        self._memory: SharedMemory | None = None

    def serve(self) -> None:
        """Work until told to stop."""
        while True:
            for connection in wait([self._parent, *self._workers], timeout=0.0 if self._waiting else None):
                assert isinstance(connection, Connection)
                if connection is not self._parent:
                    self._hear(connection)
                elif not self._take(self._parent.recv()):
                    return
            if self._waiting:
                self._answer()

    def close(self) -> None:
        """Let go of the shared memory, which is the parent's."""
        if self._memory is not None:
            self._memory.close()

    def _hear(self, worker: Connection) -> None:
        try:
            self._waiting.append((worker, worker.recv()))
        except (EOFError, OSError):
            # It has ended; if it should not have, the parent knows.
            self._workers.remove(worker)
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not worker)

    def _take(self, message: ServeRequest | SharedSlots | NewWorker | None) -> bool:
        if isinstance(message, ServeRequest):
            self._request = message
            self._parent.send(self._check(message))
        elif isinstance(message, SharedSlots):
            self._shared = message
            self._memory = SharedMemory(message.memory)
        elif isinstance(message, NewWorker):
            self._workers.append(message.connection)
        return message is not None

    def _check(self, request: ServeRequest) -> Served:
        policies = check_policies(
            request.policies, request.task, request.device, lambda what: self._parent.send(Beat(what))
        )
        self._policies = {number: self._load(policy.spec) for number, policy in enumerate(policies)}
        facts = [
            PolicyFacts.of(loaded, policy.sha256)
            for loaded, policy in zip(self._policies.values(), policies, strict=True)
        ]
        return Served(policies, tuple(facts))

    def _load(self, spec: str) -> BatchedPolicy:
        assert self._request is not None
        request = self._request
        policy = build_policy(parse_policy(spec), request.task, request.device)
        if type(policy).reset is not Policy.reset:
            raise SpecError(
                f"policy {spec!r} keeps a state for each lane (it has a method reset), which workers cannot share; "
                "run it with --inference worker"
            )
        return BatchedPolicy(policy, request.task, request.batch_rows, request.act_timeout_s)

    def _answer(self) -> None:
        """Answer the longest waiting question, and with it those that fit into the same batch."""
        assert self._request is not None
        number = self._waiting[0][1].policy
        taken: list[tuple[Connection, Question]] = []
        free = self._request.batch_rows
        for entry in list(self._waiting):
            if entry[1].policy == number and len(entry[1].slots) <= free:
                self._waiting.remove(entry)
                taken.append(entry)
                free -= len(entry[1].slots)
        slots = {slot: self._slot(number, slot) for _, question in taken for slot in question.slots}
        answers = self._ask(number, slots)
        for worker, question in taken:
            # A worker that ended while it waited is found by the next `wait`.
            with suppress(OSError):
                worker.send(tuple(answers[slot] for slot in question.slots))

    def _slot(self, policy: int, number: int) -> Slot:
        assert self._shared is not None
        assert self._memory is not None
        return Slot(self._memory, number * self._shared.slot_bytes, self._shared.layouts[policy])

    def _ask(self, policy: int, slots: Mapping[int, Slot]) -> dict[int, SlotAnswer]:
        rows, asked = list(slots), self._policies[policy]
        answers, _ = asked.act(
            {row: slots[number].observation for row, number in enumerate(rows)},
            {row: slots[number].noise for row, number in enumerate(rows)},
        )
        found: dict[int, SlotAnswer] = {}
        for row, number in enumerate(rows):
            answer = answers[row]
            if isinstance(answer, PolicyError):
                found[number] = SlotAnswer(str(answer), traceback=answer.traceback)
            else:
                slots[number].actions[:] = answer
                found[number] = SlotAnswer(None, asked.fallbacks.get(row))
        return found


def serve_policies(parent: Connection, workers: Sequence[Connection]) -> None:
    """Entry point of the inference process."""
    server = InferenceServer(parent, workers)
    try:
        server.serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # The parent is gone.
    except BaseException as error:
        parent.send(Failure.of(error))
    finally:
        server.close()
        parent.close()

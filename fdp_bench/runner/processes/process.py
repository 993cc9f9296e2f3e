"""A spawned process of a run: what it is sent and says, how it ends, and what its end means."""

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from typing import Any

import fdp_bench.api.errors
from fdp_bench.api.errors import FdpBenchError, RunError
from fdp_bench.runner.processes.messages import Beat, Failure, InferenceLostError
from fdp_bench.runner.processes.process_setup import enter
from fdp_bench.runner.processes.stderr_tail import StderrTail

#: Seconds that a process is given to close what it holds before it is ended.
_CLOSING_TIME_S = 10.0
#: Longest silence of a process that gets ready, seconds: libraries are loaded, code is compiled, a GPU wakes up.
START_S = 600.0
#: Longest wait for what a hanging process says of where it is, seconds.
_DUMP_S = 2.0
#: A frame as faulthandler writes it, its line whole; it writes in pieces.
_FRAME = re.compile(rb"^  (File .*|<no Python frame>)$", re.MULTILINE)
#: Seconds after which a process that says nothing is looked at.
_LOOK_S = 0.5


class WorkerTraceback(Exception):  # noqa: N818 (it is shown, not caught)
    """Traceback of a worker, as the cause of the error that it led to."""


class ProcessLostError(RunError):
    """A process died, or raised what is no error of the user's.

    Attributes:
        reason: What happened to it, to be read behind its name: ``"was ended by SIGSEGV"``.
        said: The tail of what it wrote to standard error; its traceback where it raised.
        has_raised: Whether it raised, so that it would do so again.
        is_of_inference: Whether it is the inference process that was lost, as a worker found.
        is_of_machine: Whether its machine was lost, which is none of the fault of what it ran.
    """

    def __init__(
        self,
        name: str,
        reason: str,
        said: str,
        hint: str = "",
        *,
        has_raised: bool = False,
        is_of_inference: bool = False,
        is_of_machine: bool = False,
    ) -> None:
        super().__init__(f"{name} {reason}{hint}")
        self.reason, self.said = reason, said
        self.has_raised, self.is_of_inference = has_raised, is_of_inference
        self.is_of_machine = is_of_machine


class Child:
    """A process and the connection to it. Start it inside `starting`.

    Args:
        name: What errors call it, for instance ``"a worker process"``.
        target: Its entry point, called with its end of the connection first, by
            `fdp_bench.runner.processes.process_setup.enter`.
        args: Further arguments.

    Attributes:
        connection: Where its messages arrive.
    """

    def __init__(self, name: str, target: Callable[..., None], args: Sequence[Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        listening, speaking = context.Pipe(duplex=False)
        self.name = name
        self._process: SpawnProcess = context.Process(
            target=enter, args=(target, speaking, theirs, *args), name=name, daemon=True
        )
        self._process.start()
        # Only the child holds its ends now, so that its death is an end of file here.
        theirs.close()
        speaking.close()
        self._stderr = StderrTail(listening)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def send(self, message: Any) -> None:
        """Send it something; that it is dead already shows when it is listened to, behind what it said before."""
        with suppress(OSError):
            self.connection.send(message)

    def receive(self) -> Any:
        """Wait for its next message.

        Raises:
            FdpBenchError: The failure that it reports.
            ProcessLostError: If it died, or raised something else.
        """
        try:
            # A process that it has forked holds the connection open beyond its death.
            while not self.connection.poll(_LOOK_S):
                if not self.is_alive and not self.connection.poll():
                    raise self.death()
            message = self.connection.recv()
        except (EOFError, OSError):
            raise self.death() from None
        except ProcessLostError:
            raise
        except Exception as error:
            # Whatever is wrong with it, what comes behind makes no sense either.
            self.kill()
            raise self.death(f"sent what cannot be read ({type(error).__name__})") from error
        return judged(self.name, message)

    def receive_within(self, patience_s: float) -> Any:
        """Its next message that is no sign of life only.

        Args:
            patience_s: Longest silence, seconds.

        Raises:
            FdpBenchError: The failure that it reports, or that it was silent for too long; it was ended then.
            ProcessLostError: If it died, or raised something else.
        """
        begun, silent_s = "started", 0.0
        while True:
            # Counted by looks: what this process slept through, stopped by Ctrl-Z for instance, is nobody's silence.
            while self.is_alive and not self.connection.poll(_LOOK_S):
                silent_s += _LOOK_S
                if silent_s > patience_s:
                    raise self._end_silent(f"gave no sign of life for {patience_s:g} s after it {begun}")
            message = self.receive()
            if not isinstance(message, Beat):
                return message
            begun, silent_s = f"began with {message.begins}" if message.begins else begun, 0.0

    def stop(self) -> None:
        """Tell it to end."""
        try:
            self.connection.send(None)
        except OSError:
            self._process.kill()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def join(self) -> None:
        """Wait until it has ended, but not for one that hangs in the kernel, where nothing reaches it."""
        self._end()
        self.connection.close()

    def death(self, reason: str = "") -> ProcessLostError:
        """What it died of, once its connection is closed or it was killed.

        Args:
            reason: Why it was ended, where it was this process that did it.
        """
        if not self._end():
            reason = reason or "did not end and was killed"
        code = self._process.exitcode
        if not reason and code is not None and code < 0:
            reason = f"was ended by {_signal_name(-code)}"
            if -code == signal.SIGKILL:
                reason += " (out of memory? fewer --workers or --lanes need less)"
        return ProcessLostError(self.name, reason or f"ended with exit code {code}", self._stderr.tail())

    def last_error(self) -> ProcessLostError:
        """What ended it, where somebody else found that it has ended.

        Raises:
            FdpBenchError: The failure that it reports.
        """
        try:
            while self.connection.poll(_CLOSING_TIME_S):
                self.receive()
        except ProcessLostError as lost:
            return lost
        return self.death()

    def _end_silent(self, reason: str) -> RunError:
        self.dump()
        self.kill()
        lost = self.death(reason)
        # The dump names the innermost frame first.
        where = next(
            (line.strip() for line in lost.said.splitlines() if line.startswith("  File ")),
            "nobody knows where",
        )
        return RunError(f"{lost} ({where})")

    def _end(self) -> bool:
        """Wait for its end, and bring it about if need be; whether that was not needed."""
        self._process.join(_CLOSING_TIME_S)
        if not self._process.is_alive():
            return True
        self._process.kill()
        self._process.join(_CLOSING_TIME_S)
        return False

    def dump(self) -> None:
        """Have it write to standard error where it is, if it still can."""
        if not self._process.is_alive():
            return
        mark, begun = self._stderr.heard, time.monotonic()
        with suppress(OSError):
            os.kill(self.pid, signal.SIGUSR1)
        # A busy machine may let it wait; one that hangs in the kernel never answers.
        while time.monotonic() - begun < _DUMP_S and not _FRAME.search(self._stderr.since(mark)):
            time.sleep(0.02)
        # What stands below the innermost frame.
        time.sleep(0.1)


def judged(name: str, message: Any) -> Any:
    """A message of a process, unless it is its last one.

    Args:
        name: What errors call the process.
        message: What it sent.

    Raises:
        FdpBenchError: The failure that it reports.
        ProcessLostError: If it raised something else.
    """
    if not isinstance(message, Failure):
        return message
    kind = getattr(fdp_bench.api.errors, message.kind, None) if message.kind else None
    error: FdpBenchError
    if isinstance(kind, type) and issubclass(kind, FdpBenchError):
        error = kind(message.message)
    else:
        where = "\n".join(message.details.strip().splitlines()[-12:])
        error = ProcessLostError(
            name,
            f"failed: {message.message}",
            where,
            " (--debug shows where)",
            has_raised=True,
            is_of_inference=message.kind == InferenceLostError.__name__,
        )
    error.__cause__ = WorkerTraceback("\n" + message.details)
    raise error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Of the real-time signals, only the first and the last have names.
        return f"signal {number}"

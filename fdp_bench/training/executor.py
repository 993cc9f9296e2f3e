"""Several trainings at once, each in a process of its own, so that none takes the others along."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from fdp_bench.api import RunError
from fdp_bench.records.provenance import usable_cores
from fdp_bench.training.job import FAILED, Trained, TrainingJob

#: Variables that say how many threads numeric libraries use; set before they are loaded.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: Trainings at once on a GPU: each keeps one core busy feeding it, and the GPU itself is soon full.
_AT_ONCE_ON_A_GPU = 8
_POLL_S = 0.1
#: Seconds that a training is given to stop.
_STOPPING_TIME_S = 10.0


def default_parallel(jobs: int, device: str) -> int:
    """How many of so many jobs to train at once: one a core, on a GPU eight at most."""
    most = usable_cores() if device == "cpu" else min(usable_cores(), _AT_ONCE_ON_A_GPU)
    return max(1, min(jobs, most))


def train_all(
    jobs: Sequence[TrainingJob],
    parallel: int,
    *,
    started: Callable[[TrainingJob], None] = lambda job: None,
    done: Callable[[Trained], None] = lambda trained: None,
) -> list[Trained]:
    """Train jobs in processes of their own, some at a time, which share the cores.

    A job that fails leaves the others alone. What a job prints goes to its `TrainingJob.log`. When this process is
    interrupted or dies, the trainings end too; the same jobs go on from where each last evaluated.

    Args:
        jobs: What to train, in the order in which it is begun.
        parallel: Trainings at once, >= 1.
        started: Called as a job begins.
        done: Called as a job ends.

    Returns:
        What came of each job, in the jobs' order.

    Raises:
        RunError: If a log cannot be written.
    """
    threads = max(1, usable_cores() // min(parallel, len(jobs))) if jobs else 1
    waiting = list(jobs)
    running: list[_Process] = []
    outcomes: dict[int, Trained] = {}
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                job = waiting.pop(0)
                running.append(_Process(job, threads))
                started(job)
            for process in [each for each in running if each.ended()]:
                running.remove(process)
                outcome = process.outcome()
                outcomes[id(process.job)] = outcome
                done(outcome)
            time.sleep(_POLL_S)
    finally:
        for process in running:
            process.stop()
        for process in running:
            process.wait()
    return [outcomes[id(job)] for job in jobs]


class _Process:
    """A training under way.

    Attributes:
        job: What is trained.
    """

    def __init__(self, job: TrainingJob, threads: int) -> None:
        self.job = job
        self._begun = time.monotonic()
        environment = dict(os.environ)
        environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
        # The parent may know places for modules that the environment does not name; the working folder is none, where
        # `-m` would look first.
        environment["PYTHONSAFEPATH"] = "1"
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        try:
            job.log.parent.mkdir(parents=True, exist_ok=True)
            with job.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "fdp_bench.training.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                    # Ctrl-C reaches this process alone, which then ends the trainings in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise RunError(
                f"cannot write to {job.log.parent} ({error.strerror}); choose another folder with --out"
            ) from None
        assert self._process.stdin is not None
        with suppress(OSError):  # a process that ended at once is found to have
            self._process.stdin.write((json.dumps(job.to_json()) + "\n").encode())
            self._process.stdin.flush()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def outcome(self) -> Trained:
        answer = self._close()
        if not answer:
            code = self._process.returncode
            reason = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            seconds = time.monotonic() - self._begun
            return Trained(
                self.job, FAILED, seconds=seconds, error=f"its process {reason}; see {self.job.log}"
            )
        report = json.loads(answer)
        paths = {"checkpoint": Path(report["checkpoint"]) if report["checkpoint"] else None}
        return Trained(self.job, **{**report, **paths, "warnings": tuple(report["warnings"])})

    def stop(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def wait(self) -> None:
        try:
            self._process.wait(_STOPPING_TIME_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> bytes:
        assert self._process.stdout is not None
        self.stop()
        with self._process.stdout as answer:
            return answer.read()

"""Training one job: in this process, or in one of its own, ``python -m fdp_bench.training.worker``.

Such a process reads its job, one line of JSON, from standard input, writes what came of it to standard output and
everything else to standard error. It ends when its standard input is closed, so that it never outlives its parent.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import fields, replace
from pathlib import Path
from typing import NoReturn

from fdp_bench.api import FdpBenchError
from fdp_bench.specs import find_policy
from fdp_bench.training.job import FAILED, THERE_ALREADY, TRAINED, Trained, TrainingJob

_INTERRUPTED = 130


def train(job: TrainingJob) -> Trained:
    """Train one job in this process, or find its weights made.

    Raises:
        FdpBenchError: Whatever the policy or the demonstrations say.
    """
    started = time.monotonic()
    policy, spec = find_policy(job.policy)
    before = _times_in(job.out)
    path = Path(policy.fit(spec, job.task, job.data, job.out, job.fit_settings()))
    made = before.get(path) != path.stat().st_mtime_ns
    card = policy.weights(replace(spec, checkpoint=str(path)), job.task).card
    return Trained(
        job=job,
        status=TRAINED if made else THERE_ALREADY,
        checkpoint=path,
        seconds=time.monotonic() - started,
        steps=card.get("total_steps", card.get("steps")),
        heldout_loss=card.get("heldout_loss"),
        warnings=tuple(card.get("warnings", ())),
    )


def _times_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("*")} if folder.is_dir() else {}


def main() -> None:
    """Train the job on standard input."""
    # A process that is started in the background may have been told to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a policy prints belongs in the log
    job = TrainingJob.from_json(json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    started = time.monotonic()
    try:
        done = train(job)
    except KeyboardInterrupt:
        _leave(_INTERRUPTED)
    except Exception as error:
        traceback.print_exc()
        text = str(error) if isinstance(error, FdpBenchError) else f"{type(error).__name__}: {error}"
        done = Trained(job, FAILED, seconds=time.monotonic() - started, error=" ".join(text.split()))
    report = {field.name: getattr(done, field.name) for field in fields(done) if field.name != "job"}
    with answer:
        json.dump(report, answer, default=str)
    _leave(0)


def _leave(code: int) -> NoReturn:
    # The thread that watches the parent sits in a read, which the interpreter's own way out would wait for.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()

"""How a process of a run starts: one thread a library, deaf to what ends a run from outside, gone with its parent."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fdp_bench.runner.processes.stderr_tail import redirect_output
from fdp_bench.sim.cache import prepare_numba

#: One thread a process for each library that would take every core: workers are the parallelism, and the number
#: of threads can change how sums round.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # None beside the caller: Mesa's rasterizer draws in the worker's own thread.
    "LP_NUM_THREADS": "0",
}
#: Signals that end a run from outside; the parent handles them for all its processes.
_ENDING_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
#: prctl's option that has the kernel end a process with its parent (linux/prctl.h).
_PR_SET_PDEATHSIG = 1
#: Where memory is short, the kernel should end a worker, which is replaced, and not the process that writes the
#: records; 0 is the default, 1000 the first to go.
_OOM_SCORE_ADJUSTMENT = 500


#: Has a starting interpreter leave the working folder alone, whose files may be a stranger's and bear the names of
#: Python's own modules; and the mark of who has set it, for what a worker starts is not to be kept from its own files.
_SAFE_PATH, _SAFE_PATH_MARK = "PYTHONSAFEPATH", "FDP_BENCH_SET_SAFEPATH"


def enter(target: Callable[..., None], speaking: Connection, *args: Any) -> None:
    """Entry point of every child: Ctrl-C, SIGTERM and its parent's death are handled before its work begins."""
    if os.environ.pop(_SAFE_PATH_MARK, ""):
        os.environ.pop(_SAFE_PATH, None)
    _end_with_parent()
    # They are the parent's to handle, and were blocked while this process started: a scheduler, like a terminal,
    # signals every process of a run.
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)
    redirect_output(speaking)
    target(*args)


def _end_with_parent() -> None:
    """Never outlive the parent, and be the first to go where memory is short; where the system can do that."""
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE_ADJUSTMENT))


@contextmanager
def starting() -> Iterator[None]:
    """Children started inside use one thread each, and no Ctrl-C on the terminal and no SIGTERM reaches them."""
    # Here, so that all of them share what one has compiled.
    prepare_numba()
    with _childrens_environment(), _endings_blocked():
        yield


@contextmanager
def _childrens_environment() -> Iterator[None]:
    wanted = dict(WORKER_ENVIRONMENT)
    if not os.environ.get(_SAFE_PATH):
        wanted |= {_SAFE_PATH: "1", _SAFE_PATH_MARK: "1"}
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _endings_blocked() -> Iterator[None]:
    """Start processes that signals to all of a run do not reach; here they arrive when the block ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Its own start would unblock the signal again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

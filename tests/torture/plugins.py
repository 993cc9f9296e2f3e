"""A policy that suffers in a way of one's choice, where the toy's gripper starts right of the middle."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from fdp_bench.api import Policy

#: Environment variable with the memory cgroup into which a policy that runs out of memory puts its process.
CGROUP = "FDP_BENCH_TORTURE_CGROUP"


class Sufferer(Policy):
    """Stands still; `how` says what befalls its process in the episodes that start right of the middle."""

    modalities = ("prop",)
    n_action_steps = 4
    option_values = {"how": ("nothing", "segfault", "hang", "memory", "exception")}  # noqa: RUF012

    def act(self, observation, noise):
        """Actions of zero, shape (B, 4, 2), unless misfortune comes first."""
        del noise
        how, bad = self.spec.options.get("how", "nothing"), observation["prop"][:, -1, 0] > 0
        if bad.any() and how != "nothing":
            {"segfault": fall, "hang": hang, "memory": devour, "exception": stumble}[how]()
        return np.zeros((len(bad), self.n_action_steps, 2), np.float32)


def fall() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    # Not to be broken off by an exception, as compiled code is not.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(3600)


def devour() -> None:
    """Take memory until the kernel ends the process: in a cgroup, so that nobody else goes with it."""
    Path(os.environ[CGROUP], "cgroup.procs").write_text(str(os.getpid()))
    taken = []
    while True:
        taken.append(np.ones(2**23))


def stumble() -> None:
    raise ValueError("no idea what to do on the right")


def installed(folder: Path) -> str:
    """Write the entry points of these plugins and of the tests' own into a folder; the PYTHONPATH that offers them."""
    import sys

    tests = Path(__file__).resolve().parents[1]
    if str(tests) not in sys.path:
        sys.path.insert(0, str(tests))
    from fakes import POLICIES, SHIFTS, install_distribution

    install_distribution(folder, "fdp-bench-fakes", policies=POLICIES, shifts=SHIFTS)
    install_distribution(
        folder, "fdp-bench-torture", policies={"sufferer": "tests.torture.plugins:Sufferer"}, shifts={}
    )
    return os.pathsep.join([str(folder), str(tests), str(tests.parent)])

"""A policy and a shift that do what no plugin should, in the way that their option says; and processes that do."""

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fakes import install_distribution

from fdp_bench.api import ObservationShift, Policy, Receipt
from fdp_bench.runner.processes.messages import Beat


class Weird(BaseException):
    pass


class Mute(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("no text")


def use_the_second_time(values):
    raise ValueError(values)


class Hostile(Policy):
    """Does it in its first decision of an episode, not in the probe before the run."""

    modalities = ("prop",)
    n_action_steps = 4

    def __init__(self, spec, task, *, device="cpu"):
        super().__init__(spec, task, device=device)
        self.how = spec.options.get("how", "nothing")
        if self.how == "built-exit":
            sys.exit(3)
        if self.how.startswith("built-"):
            self._count_buildings(times=int(self.how.removeprefix("built-")))

    @staticmethod
    def _count_buildings(times):
        """Fails so many times once it was built, which is what the check before the run does."""
        book = Path(os.environ["FDP_BENCH_HOSTILE_BOOK"])
        built = book.stat().st_size if book.exists() else 0
        book.write_bytes(b"x" * (built + 1))
        if 0 < built <= times:
            raise OSError("stale file handle")

    @property
    def noise_shape(self):
        return {"noise": None, "noise-float": (1.5,)}.get(self.how, ())

    def reset(self, lanes):
        if self.how == "reset-exit" and len(lanes):
            sys.exit(4)

    def act(self, observation, noise):
        del noise
        actions = np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        if not observation["prop"].any():
            return actions
        if self.how == "exit":
            sys.exit(5)
        elif self.how == "mute":
            raise Mute
        elif self.how == "long":
            raise ValueError("begin" + "x" * 10_000_000 + "end")
        elif self.how == "weird":
            raise Weird("odd")
        elif self.how == "elsewhere":
            os.chdir("/")
        elif self.how == "copy":
            os.fork()
        elif self.how == "orphan":
            if os.fork() == 0:
                # Holds whatever its parent had open until the test is over, or has gone wrong.
                for _ in range(6_000):
                    if Path(os.environ["FDP_BENCH_HOSTILE_END"]).exists():
                        break
                    time.sleep(0.1)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif self.how == "in-place":
            for values in observation.values():
                values[...] = np.nan
        return actions


class Bad(ObservationShift):
    """Does it from the sixth control step on, where its option names none other."""

    name = "bad"
    option_values = {"how": "nothing"}  # noqa: RUF012

    def __init__(self, env, *, severity=0.6, **options):
        super().__init__(env, severity=severity, **options)
        how = self.options["how"]
        if how == "built":
            raise EOFError("not to be built")
        if how == "built-exit":
            sys.exit(3)
        if how == "lags":
            self.frame_lags = "none"

    def reset(self, *, seed=None, options=None):
        result = super().reset(seed=seed, options=options)
        # Preflight's seed is 0.
        return result[0] if self.options["how"] == "half-a-reset" and seed else result

    def parameters(self):
        return {"not-a-number": {"a": np.nan}, "no-json": {"a": object()}}.get(self.options["how"], {})

    def receipt(self):
        receipt = super().receipt()
        if self.options["how"] == "words-for-numbers":
            return Receipt(receipt.shift, pixel_change={"image.front": "a lot"})
        return receipt

    def step(self, action):
        how, is_due = self.options["how"], self.step_count == 5
        if is_due and how == "exit":
            sys.exit(9)
        if is_due and how == "action":
            action = action + 0.1
        if is_due and how == "action-in-place":
            action += 0.1
        if is_due and how == "twice":
            super().step(action)
        result = super().step(action)
        if self.step_count <= 5:
            return result
        seen, reward, terminated, truncated, info = result
        return {
            "four": result[:4],
            "none": None,
            "no-info": (seen, reward, terminated, truncated, None),
            "no-observation": (None, reward, terminated, truncated, info),
            "no-key": ({}, reward, terminated, truncated, info),
            "success": (seen, reward, terminated, truncated, {**info, "success": not info["success"]}),
            "no-success": (seen, reward, terminated, truncated, {}),
            "end": (seen, reward, True, truncated, info),
        }.get(how, result)

    def alter(self, observation):
        if self.options["how"] == "in-place" and self.step_count == 5:
            observation["prop"][:] = np.nan
        return observation


def hang_while_checking(connection):
    """Entry point of a process."""
    connection.send(Beat("policy 'sleeper'"))
    time.sleep(3600)


def hang_with_a_stopped_clock(connection):
    """Entry point of a process that takes a while until it says where it is."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    connection.send(Beat("policy 'sleeper'"))
    time.sleep(2.0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    time.sleep(3600)


def hang_and_tell_in_pieces(connection):
    """Entry point of a process that is held up while it says where it is."""

    def tell(number, frame):
        os.write(2, b"Stack (most recent call first):\n  Fi")
        time.sleep(1.0)
        os.write(2, b'le "held_up.py", line 1 in act\n')

    faulthandler.unregister(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, tell)
    connection.send(Beat("policy 'sleeper'"))
    time.sleep(3600)


def beat_then_answer(connection):
    """Entry point of a process that takes its time."""
    for _ in range(4):
        time.sleep(0.4)
        connection.send(Beat())
    connection.send("done")


def speak_and_die(connection):
    """Entry point of a process that says something before its end."""
    connection.send("first")
    connection.send("second")
    os.kill(os.getpid(), signal.SIGKILL)


def send_rubbish(connection):
    """Entry point of a process whose message fails where it is read."""
    connection.send(Rubbish())
    time.sleep(3600)


def end_by_a_nameless_signal(connection):
    """Entry point of a process."""
    del connection
    os.kill(os.getpid(), signal.SIGRTMIN + 6)
    time.sleep(3600)


class Rubbish:
    def __reduce__(self):
        return use_the_second_time, ("cannot be read",)


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    install_distribution(
        folder, "fdp-bench-hostile", policies={"hostile": "hostile:Hostile"}, shifts={"bad": "hostile:Bad"}
    )
    return folder


@pytest.fixture
def hostile(hostile_folder, monkeypatch):
    """The plugins of this file, installed for one test and its spawned workers."""
    monkeypatch.syspath_prepend(hostile_folder)

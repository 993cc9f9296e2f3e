"""Policies for tests; the fixture `fakes` offers them."""

import json
import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from fdp_bench.api import (
    Calibrated,
    Policy,
    SpecError,
    WeightsInfo,
    parse_order,
)


class Seeker(Policy):
    """Looks for the red target in the frames and goes there, with some noise."""

    summary = "goes where the picture is red"
    modalities = ("prop", "vision")
    n_obs_steps = 2
    n_action_steps = 4

    def __init__(self, spec, task, *, device="cpu"):
        super().__init__(spec, task, device=device)
        self.noise_scale = float(spec.options.get("noise", "0.3"))

    @classmethod
    def resolve(cls, spec, task):
        if spec.order:
            prioritized, rest = parse_order(spec.order, task.modalities)
            return type(spec)(spec.name, f"{prioritized[0]}>{rest[0]}", spec.checkpoint, spec.options)
        return spec

    @property
    def noise_shape(self):
        return (self.n_action_steps, 2)

    def act(self, observation, noise):
        picture = observation["image.front"][:, -1].astype(np.float64)
        redness = np.clip(picture[..., 0] - picture[..., 1] - 60, 0, None)
        side = picture.shape[1]
        x = ((np.arange(side) + 0.5) / side * 2 - 1) * 0.5
        weight = redness.sum(axis=(1, 2)) + 1e-9
        target = np.stack(
            [(redness * x[None, None, :]).sum(axis=(1, 2)), (redness * -x[None, :, None]).sum(axis=(1, 2))],
            axis=1,
        )
        direction = (target / weight[:, None] - observation["prop"][:, -1]) / 0.03 / self.n_action_steps
        actions = direction[:, None, :] + self.noise_scale * noise
        return np.clip(actions, -1.0, 1.0).astype(np.float32)


class Watcher(Policy):
    """Acts by everything that it reads, on any task: each pixel and the noise move it. Slow on demand.

    With ``until=FILE``, its slashes as ``%``, it stops after its first toy episode until that file exists.
    """

    modalities = ("prop", "vision")
    n_obs_steps = 2
    n_action_steps = 8
    _acts = 0

    @property
    def noise_shape(self):
        return (self.n_action_steps, self.task.action_dim)

    def act(self, observation, noise):
        time.sleep(float(self.spec.options.get("delay", "0")))
        self._acts += bool(observation["prop"].any())  # not the check before the run
        file = Path(self.spec.options.get("until", "").replace("%", "/"))
        while self._acts > 5 and not file.exists():
            time.sleep(0.01)
        seen = sum(
            np.sin(value.astype(np.float64).reshape(len(value), -1)).sum(axis=1)
            for value in observation.values()
        )
        return np.clip(0.5 * np.sin(seen)[:, None, None] + 0.5 * noise, -1, 1).astype(np.float32)


class Blind(Policy):
    """Reads no frames; remembers nothing."""

    modalities = ("prop",)
    n_action_steps = 8

    def act(self, observation, noise):
        del noise
        return np.repeat(-observation["prop"][:, -1:, :2] * 3, self.n_action_steps, axis=1).astype(np.float32)


class Faulty(Policy):
    """Goes wrong in the way that its option says, where the gripper starts right of the middle."""

    modalities = ("prop",)
    n_action_steps = 4

    def act(self, observation, noise):
        del noise
        bad = observation["prop"][:, -1, 0] > 0
        actions = np.zeros((len(bad), self.n_action_steps, 2), np.float32)
        how = self.spec.options.get("how", "nan")
        if how == "nan":
            actions[bad] = np.nan
        elif how == "shape":
            actions = actions[:, :1]
        elif how == "threads":
            raise ValueError(
                [os.environ[f"{library}_NUM_THREADS"] for library in ("OMP", "MKL", "OPENBLAS", "LP")]
            )
        elif how == "process":
            raise ValueError(multiprocessing.current_process().name)
        elif how == "die" and bad.any():
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "segfault" and bad.any():
            print("about to fall", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif how == "hang" and bad.any():
            # Not to be broken off by an exception, as compiled code is not.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(3600)
        elif how == "exit" and bad.any():
            os._exit(7)
        elif how == "slow" and bad.any():
            time.sleep(3600)
        elif how == "swallow" and bad.any():
            with suppress(Exception):
                time.sleep(3600)
        elif how == "unmended":
            if not Path("mended").exists():
                raise ValueError("not mended yet")
        elif how == "inf":
            actions[bad] = np.inf
        elif how == "dtype":
            return actions.astype(str)
        elif bad.any():
            raise ValueError("no idea what to do on the right")
        return actions


class Greedy(Policy):
    """Takes more memory with each decision and never gives it back."""

    modalities = ("prop",)
    n_action_steps = 4

    def __init__(self, spec, task, *, device="cpu"):
        super().__init__(spec, task, device=device)
        self.taken = []

    def act(self, observation, noise):
        del noise
        if not observation["prop"].any():
            # The probe before the run, not an episode.
            return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        self.taken.append(np.ones(int(float(self.spec.options.get("mib", "20")) * 2**17)))
        return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)


class Breaker(Policy):
    """Dies once, where the file that it makes is not there yet; with `orphan`, a copy lives on while it is there."""

    modalities = ("prop",)
    n_action_steps = 4

    def act(self, observation, noise):
        del noise
        if not observation["prop"].any():
            # The probe before the run, not an episode.
            return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        mark = Path(self.spec.options["file"].replace("%", "/"))
        try:
            mark.open("x").close()
        except FileExistsError:
            return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        if "orphan" in self.spec.options and os.fork() == 0:
            # Holds whatever its parent had open until the test is over, or has gone wrong.
            for _ in range(6_000):
                if not mark.exists():
                    break
                time.sleep(0.1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError("still there")


class Moody(Policy):
    """Acts by how often it was asked before: no two runs of an episode agree."""

    modalities = ("prop",)
    n_action_steps = 4
    asked = 0

    def act(self, observation, noise):
        del noise
        self.asked += 1
        return np.full((len(observation["prop"]), 4, self.task.action_dim), np.sin(self.asked), np.float32)


class Remembering(Blind):
    """Keeps a state for each lane."""

    def reset(self, lanes):
        self.started = lanes


class Misbuilt(Policy):
    """Cannot be built."""

    modalities = ("prop",)

    def __init__(self, spec, task, *, device="cpu"):
        raise FloatingPointError("bad build")

    def act(self, observation, noise):
        raise NotImplementedError


class Untrained(Policy):
    """Has no weights."""

    modalities = ("prop",)

    def act(self, observation, noise):
        raise NotImplementedError

    @classmethod
    def weights(cls, spec, task):
        del spec, task
        return WeightsInfo(available=False, source="train them first: fdp-bench train --policy untrained")


class Pusher(Policy):
    """Always pushes to the right."""

    modalities = ("prop",)

    def act(self, observation, noise):
        del noise
        return np.ones((len(observation["prop"]), 1, self.task.action_dim), np.float32)


class Picky(Policy):
    """Knows no options."""

    modalities = ("prop",)

    @classmethod
    def resolve(cls, spec, task):
        del task
        for key in spec.options:
            raise SpecError(f"policy 'picky' has no option {key!r}")
        return spec

    def act(self, observation, noise):
        del noise
        return np.zeros((len(observation["prop"]), 1, self.task.action_dim), np.float32)


class Doubtful(Watcher):
    """Leaves rows that are right of the middle to a fallback, which goes left; goes wrong as its option says."""

    aside = None

    def act(self, observation, noise):
        actions = super().act(observation, noise)
        self.aside = observation["prop"][:, -1, 0] > 0
        if self.spec.options.get("how") == "raise" and self.aside.any():
            raise ValueError("no idea what to do on the right")
        actions[self.aside] = -0.5
        return actions

    def fallbacks(self):
        return self.aside[:1] if self.spec.options.get("how") == "shape" else self.aside


class Careful(Blind):
    """Acts once it has seen clean episodes: a file beside its weights holds what it saw of them."""

    @classmethod
    def weights(cls, spec, task):
        del task
        if not spec.checkpoint:
            return WeightsInfo(available=True, source="unguarded")
        path = Path(spec.checkpoint)
        if not path.is_file():
            return WeightsInfo(
                False, "not calibrated; fdp-bench calibrate --policy careful", needs_calibration=True
            )
        return WeightsInfo(True, str(path), "0" * 64, files=(path,), warnings=("it is only careful",))

    @classmethod
    def calibrate(cls, spec, task, play, request):
        path = request.out / "careful.json"
        if path.exists():
            return Calibrated(str(replace(spec, checkpoint=str(path))), made=False)
        policy = cls(spec, task, device=request.device)
        seen = [
            [episode.index, len(episode.decisions), float(episode.decisions[0].observation["prop"].sum())]
            for episode in play(policy, range(3, 3 + request.episodes))
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(seen))
        return Calibrated(str(replace(spec, checkpoint=str(path))), True, ("a fact",), ("a warning",))

"""Policies that pretend to learn, for tests of training as a list of jobs; and a demonstration file for them."""

import json
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from fakes import install_distribution

from fdp_bench.api import CheckpointError, Policy, WeightsInfo
from fdp_bench.training.job import TrainingJob, plan_jobs


class Learner(Policy):
    """Writes what it was told into its weights; its option ``way`` says how it ends."""

    option_values = {"way": ("well", "refuse", "break", "die", "wait")}  # noqa: RUF012

    def act(self, observation, noise):
        raise NotImplementedError

    @classmethod
    def fit(cls, spec, task, data, out, settings):
        way = spec.options.get("way", "well")
        path = out / f"learner-{way}.weights"
        print(f"learning {spec} from {data.name}")
        if path.exists():
            return path
        out.mkdir(parents=True, exist_ok=True)
        if way == "refuse":
            raise CheckpointError("there is\nno room")
        if way == "break":
            raise ZeroDivisionError("one over nothing")
        if way == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "wait":
            (out / "waiting").write_text(str(os.getpid()))
            threading.Event().wait()
        told = {
            "settings": dict(settings),
            "threads": os.environ["OMP_NUM_THREADS"],
            "shapes": dict(task.observation_shapes),
        }
        path.write_text(json.dumps(told))
        return path

    @classmethod
    def weights(cls, spec, task):
        card = {"steps": 3, "total_steps": 7, "heldout_loss": 0.25, "warnings": ["it is only pretending"]}
        return WeightsInfo(True, spec.checkpoint, "00", card)


class Untrainable(Policy):
    """A policy without a fit."""

    def act(self, observation, noise):
        raise NotImplementedError


POLICIES = {"learner": "training_fakes:Learner", "untrainable": "training_fakes:Untrainable"}


def write_demonstrations(path: Path, count: int = 6, steps: int = 4, side: int = 8) -> Path:
    """A packed demonstration file of noise."""
    rng = np.random.default_rng(0)
    cameras = ("image.agentview", "image.wrist")
    card = {"task_id": "fdp_bench/Lift-v1", "profile": "fast", "seed": 0, "format": 1, "cameras": cameras}
    np.savez_compressed(
        path,
        episode_ends=np.arange(1, count + 1) * steps,
        prop=rng.standard_normal((count * steps, 16)).astype(np.float32),
        actions=rng.uniform(-1, 1, (count * steps, 7)).astype(np.float32),
        card=np.frombuffer(json.dumps(card).encode(), np.uint8),
        **{key: rng.integers(0, 256, (count * steps, side, side, 3), dtype=np.uint8) for key in cameras},
    )
    return path


@pytest.fixture(scope="session")
def learners_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learners")
    install_distribution(folder, "fdp-bench-learners", policies=POLICIES, shifts={})
    return folder


@pytest.fixture
def learners(learners_folder, monkeypatch):
    """The policies of this file, installed for one test and the processes that it starts."""
    monkeypatch.syspath_prepend(learners_folder)
    return learners_folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_demonstrations(tmp_path_factory.mktemp("data") / "demos.npz")


@pytest.fixture
def plan(learners, data, tmp_path):
    """Plan jobs for policies; keyword arguments as `plan_jobs` takes them."""

    def make(*policies: str, **changes) -> tuple[TrainingJob, ...]:
        arguments = {"num_demos": (2,), "seeds": (0,), "out": tmp_path / "out", "settings": {}}
        return plan_jobs(policies, "fdp_bench/Lift-v1", data, **{**arguments, **changes})

    return make

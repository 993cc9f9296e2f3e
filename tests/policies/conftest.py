"""A toy world for the policies' tests: the action points from the arm's place to a blob that only the camera sees."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.config import DiffusionConfig, NetworkConfig, TrainingConfig
from fdp_policies.training.job import Job
from rounding import gentle_schedule
from toy_inputs import SIDE, make_demonstration

from fdp_bench.api import PolicySpec, TaskInfo
from fdp_bench.demos.dataset import Demonstrations


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def gentle(monkeypatch):
    """Policies sample by a schedule that amplifies no rounding."""
    monkeypatch.setattr("fdp_policies.acting.chunk_sampler.NoiseSchedule", gentle_schedule)


@pytest.fixture(scope="session")
def task() -> TaskInfo:
    return TaskInfo(
        task_id="fdp_bench/Lift-v1",
        modalities={"prop": ("prop",), "vision": ("image.agentview",)},
        observation_shapes={"prop": (3,), "image.agentview": (SIDE, SIDE, 3)},
        action_dim=2,
        horizon=50,
        control_hz=20.0,
        profile="fast",
    )


@pytest.fixture(scope="session")
def network() -> NetworkConfig:
    return NetworkConfig(
        horizon=4, n_action_steps=4, width=32, depth=2, heads=2, feature_dim=16, crop_size=16
    )


@pytest.fixture(scope="session")
def demonstrations() -> Demonstrations:
    demos = tuple(make_demonstration(index) for index in range(120))
    names = tuple(demo.name for demo in demos)
    return Demonstrations("fdp_bench/Lift-v1", "fast", demos, names[:100], names[100:], sha256="toy")


@pytest.fixture
def make_job(task, network, demonstrations, tmp_path):
    """Make a job for a policy string's name and order; keyword arguments change the recipe."""

    def make(name: str, order: str = "", *, out: Path | None = None, **recipe) -> Job:
        plain = architecture_of(PolicySpec(name, order), task)
        architecture = replace(
            plain, network=network, composition=recipe.pop("composition", plain.composition)
        )
        settings = {
            "steps": 40,
            "warmup_steps": 5,
            "eval_every": 10,
            "plateau_min_steps": 10,
            "eval_windows": 96,
            "precision": "fp32",
        }
        training = TrainingConfig(**{**settings, **recipe})
        return Job(architecture, task, demonstrations, DiffusionConfig(), training, "cpu", out or tmp_path)

    return make

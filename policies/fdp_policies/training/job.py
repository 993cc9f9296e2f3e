"""What is trained and how: everything that determines a checkpoint."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fdp_bench.api import TaskInfo
from fdp_bench.demos.dataset import Demonstrations
from fdp_policies.checkpoints.policy_spec import Architecture
from fdp_policies.checkpoints.training_fingerprint import determinants
from fdp_policies.config import DiffusionConfig, NetworkConfig, TrainingConfig, as_json


@dataclass(frozen=True)
class Job:
    """Everything that determines a checkpoint, and how it is made.

    Attributes:
        architecture: What to train.
        task: The task that the demonstrations show.
        demonstrations: The demonstrations and their split.
        diffusion: The forward process.
        training: The recipe.
        device: torch device.
        out: Folder for weights, cards, logs and plots.
        reuse: Folders with bases that need not be trained again.
        compiled: Whether to compile network and loss.
    """

    architecture: Architecture
    task: TaskInfo
    demonstrations: Demonstrations
    diffusion: DiffusionConfig
    training: TrainingConfig
    device: str
    out: Path
    reuse: tuple[Path, ...] = ()
    compiled: bool = False

    @property
    def network(self) -> NetworkConfig:
        """The network's shape."""
        return self.architecture.network

    def determinants(self, role: str) -> dict[str, Any]:
        """See `fdp_policies.checkpoints.training_fingerprint`."""
        return determinants(
            role=role,
            task_id=self.task.task_id,
            profile=self.task.profile,
            data_sha256=self.demonstrations.sha256,
            train_demos=len(self.demonstrations.train),
            network=self.network,
            diffusion=self.diffusion,
            training=self.training,
        )


def remake_command(job: Job, architecture: Architecture) -> str:
    """The command that makes this checkpoint again, given the same data file."""
    defaults, used = as_json(TrainingConfig()), as_json(job.training)
    changed = {k: v for k, v in used.items() if v != defaults[k] and k not in ("num_demos", "seed", "steps")}
    command = [
        "fdp-bench",
        "train",
        "--policy",
        str(architecture),
        "--task",
        job.task.task_id,
        "--data",
        "FILE",
    ]
    command += ["--num-demos", str(job.training.num_demos), "--seed", str(job.training.seed)]
    command += ["--steps", str(job.training.steps)]
    for key, value in changed.items():
        command += ["--set", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join(command)

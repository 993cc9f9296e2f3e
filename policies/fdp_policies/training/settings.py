"""Training settings as text, from the command line or a suite, checked before anything is read."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from fdp_bench.api import PolicySpec, SpecError, TaskInfo
from fdp_bench.demos.dataset import load_demonstrations
from fdp_policies.checkpoints.policy_spec import BUNDLED, architecture_of
from fdp_policies.config import DiffusionConfig, training_config
from fdp_policies.training.fit import fit
from fdp_policies.training.job import Job
from fdp_policies.training.memory import freed_memory_kept
from fdp_policies.training.named import with_named


def fit_from_settings(
    spec: PolicySpec, task: TaskInfo, data: Path, out: Path, settings: Mapping[str, str]
) -> Path:
    """Train a policy on a demonstration file; see `DiffusionPolicy.fit`.

    Beside the fields of `TrainingConfig` and ``recipe``, the settings are ``device``; ``threads`` of torch;
    ``compile`` (``true`` compiles network and loss, which takes a compiler and a minute); and ``reuse``, folders,
    joined as in PATH, with bases that need not be trained again (where it is given, the bundled ones are among
    them). None of these decides what is learned.

    Raises:
        SpecError: If a setting is unknown or a value out of range.
        DatasetError: If the demonstrations cannot be read.
        CheckpointError: If other weights lie where these would go.
    """
    architecture = architecture_of(spec, task)
    training = with_named(training_config(settings), architecture)
    device = settings.get("device", "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SpecError(f"device {device!r} is not there: torch sees no GPU; use --device cpu")
    compiled = settings.get("compile", "false")
    if compiled not in ("true", "false"):
        raise SpecError(f"compile={compiled!r} is neither true nor false")
    threads = settings.get("threads")
    if threads is not None:
        if not (threads.isdecimal() and int(threads) >= 1):
            raise SpecError(f"threads={threads!r} is not a whole number of at least 1")
        torch.set_num_threads(int(threads))
    demonstrations = load_demonstrations(data, task_id=task.task_id, num_demos=training.num_demos)
    reuse = tuple(Path(folder) for folder in settings.get("reuse", "").split(os.pathsep) if folder)
    if "reuse" in settings:
        reuse = (*reuse, BUNDLED / task.task_id.split("/")[-1])
    with freed_memory_kept():
        return fit(
            Job(
                architecture=architecture,
                task=task,
                demonstrations=demonstrations,
                diffusion=DiffusionConfig(),
                training=training,
                device=device,
                out=out,
                reuse=reuse,
                compiled=compiled == "true",
            )
        )

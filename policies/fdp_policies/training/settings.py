"""Training settings as text, from the command line or a suite, checked before anything is read."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import torch

from fdp_bench.api import PolicySpec, SpecError, TaskInfo, nearest
from fdp_bench.demos.dataset import load_demonstrations
from fdp_policies.config import RECIPES, DiffusionConfig, TrainingConfig, updated
from fdp_policies.identity import architecture_of
from fdp_policies.training.fit import Job, fit

#: Settings beside the fields of `TrainingConfig`.
OTHER_SETTINGS = ("recipe", "device", "threads", "reuse")


def training_config(settings: Mapping[str, str]) -> TrainingConfig:
    """Resolve a recipe and settings given as text.

    Raises:
        SpecError: If a setting or recipe is unknown or a value out of range.
    """
    known = [field.name for field in fields(TrainingConfig)]
    for key in settings:
        if key not in known and key not in OTHER_SETTINGS:
            raise SpecError(f"training has no setting {key!r}{nearest(key, known)}")
    recipe = settings.get("recipe", "default")
    if recipe not in RECIPES:
        raise SpecError(f"recipe {recipe!r} is not known{nearest(recipe, RECIPES)}")
    return updated(TrainingConfig(), {**{k: str(v) for k, v in RECIPES[recipe].items()}, **settings})


def fit_from_settings(
    spec: PolicySpec, task: TaskInfo, data: Path, out: Path, settings: Mapping[str, str]
) -> Path:
    """Train a policy on a demonstration file; see `DiffusionPolicy.fit`.

    ``reuse`` names folders, joined as in PATH, with bases that need not be trained again.
    """
    training = training_config(settings)
    architecture = architecture_of(spec, task)
    device = settings.get("device", "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SpecError(f"device {device!r} is not there: torch sees no GPU; use --device cpu")
    if "threads" in settings:
        torch.set_num_threads(int(settings["threads"]))
    demonstrations = load_demonstrations(data, task_id=task.task_id, num_demos=training.num_demos)
    reuse = tuple(Path(folder) for folder in settings.get("reuse", "").split(os.pathsep) if folder)
    return fit(Job(architecture, task, demonstrations, DiffusionConfig(), training, device, out, reuse))

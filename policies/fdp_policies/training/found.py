"""Weights that need not be trained again: the bundled ones, and those in folders that somebody names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fdp_bench.api import CheckpointError, PolicySpec, TaskInfo
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import JOINT, MIXED, architecture_of, weights_path
from fdp_policies.checkpoints.training_fingerprint import agree, determinants
from fdp_policies.config import DiffusionConfig, training_config
from fdp_policies.training.named import with_named

_ROLES = {"fdp": "residual", "base": "base", **dict.fromkeys(JOINT, "joint"), **MIXED}


def find_trained(
    spec: PolicySpec,
    task: TaskInfo,
    data_sha256: str,
    settings: Mapping[str, str],
    folders: Sequence[Path],
) -> PolicySpec | None:
    """Find weights that training with these settings would make again; see `Policy.trained`."""
    return next(every_trained(spec, task, data_sha256, settings, folders), None)


def every_trained(
    spec: PolicySpec,
    task: TaskInfo,
    data_sha256: str,
    settings: Mapping[str, str],
    folders: Sequence[Path],
) -> Iterator[PolicySpec]:
    """All such weights, the bundled ones first."""
    architecture, training = architecture_of(spec, task), training_config(settings)
    training = with_named(training, architecture)
    wanted = determinants(
        role=_ROLES[architecture.family],
        task_id=task.task_id,
        profile=task.profile,
        data_sha256=data_sha256,
        train_demos=training.num_demos,
        network=architecture.network,
        diffusion=DiffusionConfig(),
        training=training,
    )
    bundled = replace(spec, checkpoint="")
    places = [bundled] + [
        replace(spec, checkpoint=str(folder / f"{architecture.slug}.safetensors")) for folder in folders
    ]
    for place in places:
        path = weights_path(place, task)
        if not path.is_file():
            continue
        try:
            checkpoint = Checkpoint.open(path)
            _ = checkpoint.parts
            card = checkpoint.card
            same = card["policy"] == str(architecture) and agree(card["determinants"], wanted)
        except (CheckpointError, KeyError):
            # A damaged or foreign file is no weights; `fit` says what is wrong with it if it stands in the way.
            continue
        if same:
            yield place

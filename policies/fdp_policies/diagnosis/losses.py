"""Noise-prediction losses of a checkpoint on a demonstration file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fdp_bench.api import DatasetError, HeldOutLosses, TaskInfo
from fdp_bench.demos.dataset import Demonstration, Demonstrations, load_demonstrations, require_senses
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import Architecture
from fdp_policies.config import TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.backbones import Factorized, Network
from fdp_policies.training.data import WindowDataset
from fdp_policies.training.losses import HeldOut

#: Demonstrations of the training set on which the base's loss is measured, for contrast.
_TRAINING_DEMOS = 20


def measure_losses(
    checkpoint: Checkpoint,
    denoiser: Network,
    architecture: Architecture,
    task: TaskInfo,
    data: Path,
) -> HeldOutLosses:
    """Measure the losses on the demonstrations that training held out.

    The windows, diffusion steps and noise are those of training's own evaluations. In a file other than the one
    trained on, the same share is taken; nobody can know then whether they were seen.

    Raises:
        DatasetError: If the file cannot be read, is of another task, has no demonstration to hold out, or lacks a
            sense that the policy reads.
    """
    count = checkpoint.card.get("determinants", {}).get("train_demos")
    demonstrations = load_demonstrations(data, task_id=task.task_id, num_demos=count)
    return losses_on(checkpoint, denoiser, architecture, task, demonstrations)


def losses_on(
    checkpoint: Checkpoint,
    denoiser: Network,
    architecture: Architecture,
    task: TaskInfo,
    demonstrations: Demonstrations,
) -> HeldOutLosses:
    """Measure the losses on demonstrations that are at hand, split as training splits them. See `measure_losses`."""
    valid = demonstrations.subset(demonstrations.valid)
    if len(valid) < 2:
        raise DatasetError(
            f"the file holds {len(valid)} demonstrations that the policy was not trained on, and shuffling senses "
            "takes two; record more with fdp-bench demos"
        )
    keys = tuple(checkpoint.shapes)
    require_senses(demonstrations, keys)
    held_out = _held_out(valid, checkpoint, keys)
    own = {name: task.modalities[name] for name in architecture.modalities}
    report = held_out.senses(denoiser, keys, own)
    base_loss = on_training = None
    if isinstance(denoiser, Factorized):
        base_keys = [key for name in architecture.prioritized for key in task.modalities[name]]
        base_loss = float(held_out.errors(denoiser.base, base_keys).mean())
        train = demonstrations.subset(demonstrations.train[:_TRAINING_DEMOS])
        on_training = float(_held_out(train, checkpoint, base_keys).errors(denoiser.base, base_keys).mean())
    return HeldOutLosses(
        source="measured",
        whole=report.true,
        base=base_loss,
        base_on_training=on_training,
        shuffled=report.shuffled,
        rise=report.rise,
        unseen=demonstrations.sha256 == checkpoint.card.get("determinants", {}).get("data_sha256"),
    )


#: Settings of a recipe that say how its held-out losses are measured.
_MEASURED_BY = ("eval_windows", "loss_weight", "min_snr_gamma", "heldout_weight")


def _held_out(
    demonstrations: Sequence[Demonstration], checkpoint: Checkpoint, keys: Sequence[str]
) -> HeldOut:
    read: list[Demonstration] = [_only(demo, keys) for demo in demonstrations]
    windows = WindowDataset(read, checkpoint.normalizer, checkpoint.network, "cpu")
    demo_of_window = np.repeat(np.arange(len(read)), [len(demo) for demo in read])
    kept = checkpoint.card.get("determinants", {}).get("training", {})
    recipe = {name: kept[name] for name in _MEASURED_BY if name in kept}
    return HeldOut(windows, demo_of_window, TrainingConfig(**recipe), NoiseSchedule(checkpoint.diffusion))


def _only(demo: Demonstration, keys: Sequence[str]) -> Demonstration:
    """The demonstration without the cameras that nobody reads: frames are what takes the memory."""
    images: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {
        key: frames for key, frames in demo.images.items() if key in keys
    }
    return replace(demo, images=images)

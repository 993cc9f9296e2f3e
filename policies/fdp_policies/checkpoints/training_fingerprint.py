"""What determines a network's weights: two trainings with equal determinants need not both be made."""

from collections.abc import Mapping
from typing import Any

from fdp_policies.config import DiffusionConfig, NetworkConfig, TrainingConfig, as_json

#: Raised whenever equal settings and data come to mean other weights, rounding aside. Cards without it are of 1.
TRAINING_VERSION = 1

_RESIDUAL_ALONE = ("freeze_base", "zero_init", "residual_dropout", "residual_loss_weight")
_JOINT_ALONE = ("modality_dropout", "joint_plateau_steps")
#: Role of a network -> training settings that cannot reach it.
_WITHOUT_EFFECT: Mapping[str, tuple[str, ...]] = {
    "base": (*_RESIDUAL_ALONE, *_JOINT_ALONE, "residual_steps"),
    "residual": _JOINT_ALONE,
    # Experts have a share of the steps of their own.
    "weighted": (*_RESIDUAL_ALONE, *_JOINT_ALONE, "base_fraction", "residual_steps"),
    "consensus": (*_RESIDUAL_ALONE, *_JOINT_ALONE, "base_fraction"),
    "joint": (
        *_RESIDUAL_ALONE,
        "base_fraction",
        "base_steps",
        "blind_steps",
        "budget",
        "residual_steps",
    ),
}


def determinants(
    *,
    role: str,
    task_id: str,
    profile: str,
    data_sha256: str,
    train_demos: int,
    network: NetworkConfig,
    diffusion: DiffusionConfig,
    training: TrainingConfig,
) -> dict[str, Any]:
    """What determines the weights of one network, JSON-ready.

    Args:
        role: ``"base"``, ``"residual"``, ``"joint"``, or how experts act together (`fdp_policies.config.MIXTURES`).
        task_id: Gymnasium id of the task.
        profile: Render profile of the demonstrations.
        data_sha256: Hash over the demonstrations read and their split; empty where it is not known.
        train_demos: Demonstrations trained on.
        network: The network's shape.
        diffusion: The forward process.
        training: The recipe.
    """
    return {
        "role": role,
        "version": TRAINING_VERSION,
        "task_id": task_id,
        "profile": profile,
        "data_sha256": data_sha256,
        "train_demos": train_demos,
        "network": as_json(network),
        "diffusion": as_json(diffusion),
        "training": as_json(training),
    }


def effective(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Determinants without the settings that cannot reach the network; those that a card lacks are the defaults."""
    training = {**as_json(TrainingConfig()), **entries["training"]}
    without_effect = _WITHOUT_EFFECT.get(entries["role"], ())
    if entries["role"] == "joint" and not training["joint_plateau_steps"]:
        without_effect += ("plateau_fall", "plateau_min_steps", "decay_base", "heldout_weight")
    return {
        **entries,
        "version": entries.get("version", 1),
        "network": {**as_json(NetworkConfig()), **entries["network"]},
        "diffusion": {**as_json(DiffusionConfig()), **entries["diffusion"]},
        "training": {key: value for key, value in training.items() if key not in without_effect},
    }


def agree(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a card's determinants are those that are wanted.

    Settings that came after the card was written count as their default, which keeps what was done before; settings
    that cannot reach the network do not count. An empty ``data_sha256`` among the wanted agrees with any.
    """
    try:
        kept, asked = effective(found), effective(wanted)
    except (KeyError, TypeError):
        return False
    if not asked["data_sha256"]:
        kept["data_sha256"] = ""
    return kept == asked

"""Training settings that a policy string names: `dp-dit?modality_dropout=0.3` is another policy than `dp-dit`."""

from dataclasses import replace
from typing import Any

from fdp_bench.api import SpecError
from fdp_policies.checkpoints.policy_spec import JOINT, Architecture
from fdp_policies.config import TrainingConfig

#: A joint policy that trains to its plateau may take this many times the budget.
PLATEAU_BUDGETS = 3


def with_named(training: TrainingConfig, architecture: Architecture) -> TrainingConfig:
    """The recipe with what a policy string says of it.

    Raises:
        SpecError: If a setting disagrees with the string, or would take prioritized senses away.
    """
    if training.modality_dropout and architecture.family not in JOINT:
        raise SpecError(
            f"modality_dropout={training.modality_dropout:g} would take prioritized senses from {architecture}; "
            f"residual_dropout={training.modality_dropout:g} takes the secondary ones from an FDP's residual"
        )
    said = _said(training, architecture)
    for name, value in said.items():
        setting = getattr(training, name)
        if setting not in (0, value):
            raise SpecError(
                f"policy {architecture} and setting {name}={setting:g} disagree; leave the setting out"
            )
    return replace(training, **said)


def unnamed(training: TrainingConfig, architecture: Architecture) -> TrainingConfig:
    """The recipe without what the policy string says already."""
    nothing: dict[str, Any] = dict.fromkeys(_said(training, architecture), 0)
    return replace(training, **nothing)


def _said(training: TrainingConfig, architecture: Architecture) -> dict[str, Any]:
    """Settings that the policy string says, those left out that it does not."""
    said: dict[str, Any] = {
        "modality_dropout": architecture.modality_dropout,
        "residual_dropout": architecture.residual_dropout,
    }
    if architecture.to_plateau:
        said["joint_plateau_steps"] = training.joint_plateau_steps or PLATEAU_BUDGETS * training.steps
    return {name: value for name, value in said.items() if value}

"""Failures of training that a falling loss does not show, said in words (docs/design.md, "The lazy residual")."""

from collections.abc import Mapping
from typing import Any

from fdp_bench.api.diagnosis import LAZY_RISE, OVERFIT_RISE
from fdp_policies.training.phase_log import PhaseLog

#: An expert is idle with less than this share of the weight (the project's own choice).
IDLE_WEIGHT = 0.01


#: Under so few held-out demonstrations an interval over them says little (the project's own choice).
FEW_HELD_OUT = 5


def lazy_residual_warning(senses: Mapping[str, Any], secondary: tuple[str, ...], held_out: int) -> list[str]:
    """Say so when shuffling a secondary sense leaves the held-out loss as it is.

    Args:
        senses: A `fdp_policies.training.losses.SenseReport` as a dictionary.
        secondary: Senses that only the residual reads.
        held_out: Demonstrations that its intervals are over.
    """
    if secondary and held_out < FEW_HELD_OUT:
        return [
            f"cannot tell whether the residual is lazy: only {held_out} demonstrations are held out, and it takes "
            f"{FEW_HELD_OUT}; record more, or train on fewer with --num-demos"
        ]
    found = []
    for name in secondary:
        low, mean, high = senses["rise"][name]
        if low <= 0 or high < LAZY_RISE:
            found.append(
                f"lazy residual: shuffling {name} changes the held-out loss by {mean:+.1%} "
                f"(95% interval {low:+.1%} to {high:+.1%}); the policy does not listen to {name}. "
                "Train longer, with loss_weight=min-snr and more noise_draws"
            )
    return found


def overfitted_warning(log: PhaseLog, network: str) -> list[str]:
    """Say so when a network was trained far past its plateau.

    Args:
        log: What its training measured.
        network: What it is, for the message: ``"base"``, ``"joint policy"``.
    """
    lowest_step, lowest = min(log.losses, key=lambda entry: entry[1])
    final = log.losses[-1][1]
    if final <= (1 + OVERFIT_RISE) * lowest:
        return []
    return [
        f"overfitted {network}: its held-out loss ended at {final:.4f}, {final / lowest - 1:.0%} above the "
        f"{lowest:.4f} of step {lowest_step}; give it fewer steps"
    ]


def changed_base_warning(before: str, after: str) -> list[str]:
    """Say so when the base's weights moved while the residual trained."""
    if before == after:
        return []
    return [
        f"base not frozen: its weights changed while the residual trained (SHA-256 {before[:12]} became {after[:12]}); "
        "set freeze_base=true"
    ]


def idle_expert_warning(weights: Mapping[str, float]) -> list[str]:
    """Say so when an expert has next to no weight, so that its sense cannot help the others."""
    return [
        f"idle expert: {name} has {weight:.1%} of the weight on held-out demonstrations; the policy acts as if it were "
        "not there"
        for name, weight in weights.items()
        if weight < IDLE_WEIGHT
    ]

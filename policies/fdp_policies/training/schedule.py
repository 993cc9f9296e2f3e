"""How long a phase of training lasts and how fast it learns: its plan, its plateau, its learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fdp_policies.config import TrainingConfig
from fdp_policies.training.dropout import Dropout

#: What a learning rate does after its warm-up: a cosine decay over the whole phase, none, or one over the last fifth of
#: its steps, which begins at the plateau or with the last fifth of the budget, whichever comes first.
DECAYS = WHOLE, NONE, LAST_FIFTH = ("whole", "none", "last-fifth")


@dataclass(frozen=True)
class PhasePlan:
    """What one phase does.

    Attributes:
        name: Name in the log, ``"base"``, ``"residual"``, ``"joint"`` or ``"consensus"``.
        keys: Observation keys that the network reads.
        max_steps: Gradient steps at most.
        stop_at_plateau: Whether to end when the held-out loss stops falling.
        seed_offset: Keeps the batches of two phases apart.
        decay: What the learning rate does after its warm-up, one of `DECAYS`.
        dropout: Senses that are taken away at random; None for none.
    """

    name: str
    keys: tuple[str, ...]
    max_steps: int
    stop_at_plateau: bool
    seed_offset: int
    decay: str = WHOLE
    dropout: Dropout | None = None


def reached_plateau(losses: Sequence[tuple[int, float]], config: TrainingConfig) -> bool:
    """Whether the last fifth of the steps lowered the held-out loss by less than `config.plateau_fall`.

    Args:
        losses: (step, loss), in order.
        config: Holds the rule's constants.
    """
    if not losses or losses[-1][0] < config.plateau_min_steps:
        return False
    boundary = 0.8 * losses[-1][0]
    before = [loss for step, loss in losses if step <= boundary]
    after = [loss for step, loss in losses if step > boundary]
    return bool(before and after) and min(after) > (1 - config.plateau_fall) * min(before)


def decay_bounds(plan: PhasePlan, config: TrainingConfig, decay_from: int = 0) -> tuple[int, int]:
    """First step of a phase's decay, and the number of steps that it ends after.

    Args:
        plan: The phase.
        config: The recipe.
        decay_from: Step that a plateau let the decay begin with; 0 where none did.
    """
    if plan.decay != LAST_FIFTH:
        return config.warmup_steps, plan.max_steps
    start = decay_from or round(0.8 * plan.max_steps)
    return start, min(plan.max_steps, start + math.ceil(start / 4))


def learning_rate(step: int, plan: PhasePlan, config: TrainingConfig, decay_from: int = 0) -> float:
    """Learning rate of the step that follows `step` others: linear warm-up, then as `PhasePlan.decay` says."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    if plan.decay == NONE:
        return config.learning_rate * warm
    start, end = decay_bounds(plan, config, decay_from)
    progress = min(1.0, max(0, step - start) / max(1, end - start))
    floor = config.final_learning_rate_fraction
    return config.learning_rate * warm * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))

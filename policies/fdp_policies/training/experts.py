"""Experts that are trained apart, and then how they act together: weights solved for, or a consensus learned.

An expert is trained as the base of an FDP is, and is one where their recipes agree: it takes an even share of the
gradient steps at most, fewer where its held-out loss stops falling before. So all experts, and a consensus behind them,
take no more steps than a policy that they are compared with.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.training_fingerprint import effective
from fdp_policies.networks.backbones import make_mixture, make_single
from fdp_policies.networks.mixtures import Mixture, WeightedSum
from fdp_policies.training.data import shapes_of
from fdp_policies.training.fitter import Fitter, Made, base_steps, steps_left
from fdp_policies.training.lock import only_maker
from fdp_policies.training.phase_log import PhaseLog, sense_columns
from fdp_policies.training.schedule import PhasePlan
from fdp_policies.training.warnings import idle_expert_warning
from fdp_policies.training.weighing import residual_products, weight_spread, weights_on_simplex

#: Share of the gradient steps that is kept for a consensus (the project's own choice); it takes what experts that
#: stopped early leave, too.
CONSENSUS_SHARE = 0.125


def fit_experts(fitter: Fitter) -> Checkpoint:
    """Train the experts, or take those that are there; then find their weights, or learn their consensus."""
    architecture = fitter.job.architecture
    learned = architecture.composition == "consensus"
    experts = _experts(fitter, 1 - CONSENSUS_SHARE if learned else 1.0)
    with only_maker(fitter.job.out, architecture.slug):
        path = fitter.job.out / f"{architecture.slug}.safetensors"
        make = _learn_consensus if learned else _solve_weights
        return fitter.finished(path, architecture.composition) or make(fitter, experts, path)


def _experts(fitter: Fitter, share: float) -> list[Checkpoint]:
    """One expert after the other, on an even part of a share of the steps."""
    architecture, training = fitter.job.architecture, fitter.job.training
    recipe = training
    if not training.base_steps:
        recipe = replace(training, base_fraction=share / len(architecture.experts))
    found = []
    for modalities in architecture.experts:
        expert = architecture.base(modalities)
        # An FDP's base of the same folder has this name; one of another length must not take its place.
        keys = shapes_of(fitter.job.task, modalities)
        name = expert.slug if recipe == training else f"{expert.slug}-{base_steps(recipe, keys)}"
        found.append(fitter.with_training(recipe).fit_single(expert, "base", name))
    return found


def _solve_weights(fitter: Fitter, experts: Sequence[Checkpoint], path: Path) -> Checkpoint:
    """Least squares of the predicted noise on the held-out demonstrations, under the recipe's loss weight."""
    started = time.monotonic()
    job, training = fitter.job, fitter.job.training
    mixture, keys = _joined(fitter, experts), _keys(fitter)
    if not isinstance(mixture, WeightedSum):  # pragma: no cover
        raise TypeError("fixed weights are those of a weighted sum")
    loss_weight = fitter.schedule.loss_weight(training.loss_weight, training.min_snr_gamma)
    products = residual_products(mixture.experts, fitter.held_out, keys, loss_weight)
    solved = weights_on_simplex(products)
    # Rounded as they are stored, so that what is measured is what acts.
    mixture.share.copy_(torch.from_numpy(solved).half())
    senses = fitter.held_out.senses(mixture, keys, job.task.modalities)
    wall_time_s = time.monotonic() - started
    row: dict[str, Any] = {
        "phase": "weights",
        "step": 0,
        "train_loss": float(solved @ products @ solved),
        "heldout_loss": senses.true,
        "wall_time_s": round(wall_time_s, 1),
        **sense_columns(senses),
    }
    log = PhaseLog([row], 0, wall_time_s, "solved", asdict(senses))
    return _save(fitter, experts, mixture, log, path)


def _learn_consensus(fitter: Fitter, experts: Sequence[Checkpoint], path: Path) -> Checkpoint:
    """Train the network that weighs the experts on the training demonstrations; the experts stay as they are."""
    job, architecture = fitter.job, fitter.job.architecture
    steps = steps_left(job.training, experts)
    plan = PhasePlan("consensus", _keys(fitter), steps, False, 1)
    identity = {
        "policy": str(architecture),
        "experts": [expert.sha256 for expert in experts],
        **effective(job.determinants(architecture.composition)),
    }
    phase = fitter.phase(_joined(fitter, experts), plan, architecture.slug, identity)
    log = phase.run()
    average = phase.average
    if not isinstance(average, Mixture):  # pragma: no cover
        raise TypeError("the moving average of a mixture is one too")
    return _save(fitter, experts, average, log, path)


def _save(
    fitter: Fitter, experts: Sequence[Checkpoint], mixture: Mixture, log: PhaseLog, path: Path
) -> Checkpoint:
    names = ["+".join(modalities) for modalities in fitter.job.architecture.experts]
    spread = dict(zip(names, weight_spread(mixture, fitter.held_out, _keys(fitter)), strict=True))
    means = {name: mean for name, (_, mean, _) in spread.items()}
    print("weights of the experts:", _told(means), file=sys.stderr)
    log.rows[-1] |= {f"weight_{name}": mean for name, mean in means.items()}
    entries = {
        "experts": [{"file": expert.path.name, "sha256": expert.sha256} for expert in experts],
        "weights": spread,
    }
    logs = [
        *(PhaseLog.checked(expert.card.get("log"), f"the card of {expert.path}") for expert in experts),
        log,
    ]
    return fitter.save(
        Made(
            path,
            fitter.job.architecture,
            fitter.job.architecture.composition,
            mixture.trainable_state(),
            logs,
            idle_expert_warning(means),
            entries,
        )
    )


def _joined(fitter: Fitter, experts: Sequence[Checkpoint]) -> Mixture:
    """The experts as they were stored, frozen, under weights that are yet to be found."""
    job = fitter.job
    torch.manual_seed(job.training.seed + 1)
    networks = []
    for expert in experts:
        network = make_single(expert.shapes, job.task.action_dim, job.network)
        network.load_state_dict(expert.tensors())
        networks.append(network.requires_grad_(False))
    return make_mixture(networks, job.architecture.composition).to(job.device)


def _keys(fitter: Fitter) -> tuple[str, ...]:
    """Observation keys that the experts read, all together."""
    return tuple(shapes_of(fitter.job.task, fitter.job.architecture.modalities))


def _told(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.3f}" for name, weight in weights.items())

"""FDP's two phases: a base on the prioritized senses, then a residual on all of them behind its frozen average."""

from pathlib import Path

import torch

from fdp_policies.checkpoints.checkpoint import Checkpoint, state_sha256
from fdp_policies.checkpoints.training_fingerprint import effective
from fdp_policies.networks.backbones import Factorized, make_factorized, make_single
from fdp_policies.training.data import shapes_of
from fdp_policies.training.dropout import Dropout
from fdp_policies.training.fitter import Fitter, Made, steps_left
from fdp_policies.training.lock import only_maker
from fdp_policies.training.phase_log import PhaseLog
from fdp_policies.training.schedule import PhasePlan
from fdp_policies.training.warnings import (
    changed_base_warning,
    lazy_residual_warning,
    overfitted_warning,
)


def fit_factorized(fitter: Fitter) -> Checkpoint:
    """Train the base, freeze its average, then train the residual on the steps that are left."""
    architecture = fitter.job.architecture
    base = fitter.fit_single(architecture.base(), "base")
    with only_maker(fitter.job.out, architecture.slug):
        path = fitter.job.out / f"{architecture.slug}.safetensors"
        return fitter.finished(path, "residual") or _fit_residual(fitter, base, path)


def _fit_residual(fitter: Fitter, base: Checkpoint, path: Path) -> Checkpoint:
    job, architecture = fitter.job, fitter.job.architecture
    shapes = shapes_of(job.task, architecture.modalities)
    dropout = None
    if job.training.residual_dropout:
        dropout = Dropout(job.training.residual_dropout, architecture.added, keeps_one=False)
    steps = steps_left(job.training, [base])
    plan = PhasePlan("residual", tuple(shapes), steps, False, 1, dropout=dropout)
    identity = {"policy": str(architecture), "base": base.sha256, **effective(job.determinants("residual"))}
    phase = fitter.phase(_network(fitter, base), plan, architecture.slug, identity)
    frozen = state_sha256(phase.average.base.state_dict())  # type: ignore[union-attr]
    log = phase.run()
    average = phase.average
    if not isinstance(average, Factorized):  # pragma: no cover
        raise TypeError("the moving average of a factorized denoiser is one too")
    warnings = [
        *changed_base_warning(frozen, state_sha256(average.base.state_dict())),
        *lazy_residual_warning(log.senses, architecture.added, fitter.held_out.demonstrations),
        *overfitted_warning(log, "residual"),
    ]
    base_log = PhaseLog.checked(base.card.get("log"), f"the card of {base.path}")
    if not job.training.freeze_base:
        # What was trained is what acts: the base as it has become lies beside the residual.
        moved = job.out / f"{architecture.slug}-base.safetensors"
        state = average.base.state_dict()
        base = fitter.save(Made(moved, architecture.base(), "changed-base", state, [base_log]))
    entry = {"file": base.path.name, "sha256": base.sha256, "frozen_state_sha256": frozen}
    return fitter.save(
        Made(
            path,
            architecture,
            "residual",
            average.trainable_state(),
            [base_log, log],
            warnings,
            {"base": entry},
        )
    )


def _network(fitter: Fitter, base: Checkpoint) -> Factorized:
    """The base as it was stored, with a residual of random weights."""
    job, architecture = fitter.job, fitter.job.architecture
    torch.manual_seed(job.training.seed + 1)
    base_network = make_single(
        shapes_of(job.task, architecture.prioritized), job.task.action_dim, job.network
    )
    base_network.load_state_dict(base.tensors())
    return make_factorized(
        base_network.requires_grad_(not job.training.freeze_base),
        shapes_of(job.task, architecture.modalities),
        job.task.action_dim,
        job.network,
        composition=architecture.composition,
        zero_init=job.training.zero_init,
    ).to(job.device)

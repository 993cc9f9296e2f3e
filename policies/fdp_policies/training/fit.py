"""Fitting a policy to demonstrations: which phases make what its architecture names."""

from pathlib import Path

from fdp_policies.checkpoints.policy_spec import MIXED
from fdp_policies.training.experts import fit_experts
from fdp_policies.training.factorized import fit_factorized
from fdp_policies.training.fitter import Fitter
from fdp_policies.training.job import Job


def fit(job: Job) -> Path:
    """Train what the architecture names and write checkpoint, card, CSV log and plot.

    Returns:
        Path of the ``.safetensors`` file.
    """
    fitter, family = Fitter(job), job.architecture.family
    if family == "fdp":
        return fit_factorized(fitter).path
    if family in MIXED:
        return fit_experts(fitter).path
    return fitter.fit_single(job.architecture, "base" if family == "base" else "joint").path

"""Planted failures are found, and a sound policy is not accused: small trainings on the toy world."""

import dataclasses
import json
import logging
import shutil

import numpy as np
import pytest
from fdp_policies.checkpoints.checkpoint import Checkpoint, save_checkpoint
from fdp_policies.config import SamplerConfig
from fdp_policies.diagnosis.inspector import DiffusionInspector, OpenedCheckpoint
from fdp_policies.diagnosis.losses import losses_on
from fdp_policies.training.fit import fit

from fdp_bench.api import CheckpointError
from fdp_bench.diagnose.conditions import AS_IT_IS, conditions_of
from fdp_bench.diagnose.decisions import decisions_along
from fdp_bench.diagnose.senses import action_changes, contributions
from fdp_bench.diagnose.verdicts import FOUND, NOT_FOUND, failure_verdicts

logging.getLogger("matplotlib").setLevel(logging.ERROR)

RECIPE = {"steps": 700, "eval_every": 50, "warmup_steps": 30, "learning_rate": 2e-3}


def judged(path, job, task, *, measured=True):
    """State of each documented failure, by what `fdp-bench diagnose --data` would measure."""
    inspector = DiffusionInspector(
        OpenedCheckpoint.open(path), job.architecture, task, SamplerConfig(), "cpu"
    )
    held_out = job.demonstrations.subset(job.demonstrations.valid)
    decisions = decisions_along(held_out, "toy", inspector, task, 0)
    conditions = [
        condition
        for condition in conditions_of(inspector, task.modalities)
        if condition == AS_IT_IS or condition.swapped == inspector.secondary
    ]
    changes = action_changes(inspector, decisions, conditions, task.modalities, 0)
    added = contributions(inspector, decisions, conditions, task.modalities)
    losses = [inspector.recorded_losses()]
    if measured:
        losses.append(
            losses_on(inspector.checkpoint, inspector.denoiser, job.architecture, task, job.demonstrations)
        )
    verdicts = failure_verdicts(inspector, changes, losses, inspector.weight_facts(), added)
    return {verdict.name: verdict.state for verdict in verdicts}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sound")


@pytest.fixture
def sound(make_job, folder):
    """An FDP that listens to its camera; trained once a module."""
    job = make_job("fdp", "prop>vision", out=folder, **RECIPE)
    return job, fit(job)


@pytest.fixture
def copied(sound, tmp_path):
    """A copy of the sound one, to be spoilt."""
    job, path = sound
    shutil.copytree(path.parent, tmp_path / "copy")
    return job, tmp_path / "copy" / path.name


def test_a_sound_policy_is_not_accused(sound, task):
    job, path = sound

    assert judged(path, job, task) == {
        "lazy residual": NOT_FOUND,
        "overfitted base": NOT_FOUND,
        "changed base": NOT_FOUND,
    }


@pytest.mark.parametrize("measured", [True, False], ids=["with its loss", "without demonstrations"])
def test_a_residual_whose_zero_layers_are_next_to_zero_is_lazy(copied, task, measured):
    job, path = copied
    checkpoint = Checkpoint.open(path)
    quiet = {
        name: value * 1e-2 if name.startswith("zero_layers") else value
        for name, value in checkpoint.tensors().items()
    }
    save_checkpoint(path, quiet, {k: v for k, v in checkpoint.card.items() if k != "weights_sha256"})

    assert judged(path, job, task, measured=measured) == {
        "lazy residual": FOUND,
        "overfitted base": NOT_FOUND,
        "changed base": NOT_FOUND,
    }


def test_a_residual_trained_on_pictures_of_other_episodes_is_lazy(make_job, demonstrations, task, tmp_path):
    demos = demonstrations.demos
    blind = dataclasses.replace(
        demonstrations,
        demos=tuple(
            dataclasses.replace(demo, images=demos[(number + 7) % len(demos)].images)
            for number, demo in enumerate(demos)
        ),
        sha256="blind",
    )
    job = dataclasses.replace(make_job("fdp", "prop>vision", out=tmp_path, **RECIPE), demonstrations=blind)
    path = fit(job)

    found = judged(path, dataclasses.replace(job, demonstrations=demonstrations), task)

    assert found["lazy residual"] == FOUND
    assert found["overfitted base"] == found["changed base"] == NOT_FOUND


def test_a_base_trained_far_past_its_plateau_on_few_demonstrations_is_overfitted(
    make_job, demonstrations, task, tmp_path
):
    few = dataclasses.replace(demonstrations, train=demonstrations.train[:3], sha256="few")
    recipe = {**RECIPE, "base_steps": 600, "residual_steps": 20}
    job = dataclasses.replace(make_job("fdp", "prop>vision", out=tmp_path, **recipe), demonstrations=few)

    found = judged(fit(job), job, task)

    assert found["overfitted base"] == FOUND
    assert found["changed base"] == NOT_FOUND


def test_a_base_that_was_trained_on_is_changed(make_job, task, tmp_path):
    job = make_job("fdp", "prop>vision", out=tmp_path, freeze_base=False)

    assert judged(fit(job), job, task)["changed base"] == FOUND


def test_a_base_that_was_put_in_its_place_is_changed_though_running_refuses_it(copied, task):
    job, path = copied
    base = Checkpoint.open(path.parent / "base-prop.safetensors")
    moved = {name: value + np.float32(1e-2) for name, value in base.tensors().items()}
    save_checkpoint(base.path, moved, json.loads(base.path.with_suffix(".json").read_text()))

    with pytest.raises(CheckpointError, match="not the base"):
        _ = Checkpoint.open(path).base
    assert judged(path, job, task)["changed base"] == FOUND

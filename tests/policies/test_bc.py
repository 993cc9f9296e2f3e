"""Behaviour cloning: a chunk regressed on what is seen, trained and stored as the diffusion policies are."""

from dataclasses import replace

import numpy as np
import pytest
from fdp_policies.bc import RegressionPolicy
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.training.fit import fit

from fdp_bench.api import CheckpointError, PolicySpec, SpecError


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def checkpoint(make_job, network, stored):
    job = make_job("bc", out=stored, steps=60, eval_every=15, batch_size=16, learning_rate=3e-3)
    network = replace(network, backbone="mlp")
    return fit(replace(job, architecture=replace(job.architecture, network=network)))


@pytest.fixture
def policy(checkpoint, task):
    return RegressionPolicy(PolicySpec("bc", checkpoint=str(checkpoint)), task)


def shown(demo, steps):
    rows = [[max(step - 1, 0), step] for step in steps]
    return {"prop": demo.prop[rows], "image.agentview": demo.images["image.agentview"][rows]}


def test_it_comes_near_the_experts_actions_on_demonstrations_it_never_saw(policy, demonstrations):
    errors, spread = [], []
    for demo in demonstrations.subset(demonstrations.valid):
        wanted = np.stack([demo.actions[step : step + 4] for step in range(8)])
        actions = policy.act(shown(demo, range(8)), np.zeros((8,), np.float32))
        errors.append(np.square(actions - wanted).mean())
        spread.append(np.square(wanted).mean())
    assert np.mean(errors) < 0.25 * np.mean(spread)


def test_it_takes_no_noise_and_its_chunk_has_the_documented_form(policy, demonstrations):
    assert policy.noise_shape == ()
    actions = policy.act(shown(demonstrations.demos[0], range(3)), np.zeros((3,), np.float32))
    assert actions.shape == (3, 4, 2)
    assert actions.dtype == np.float32
    assert np.abs(actions).max() <= 1.0


def test_its_card_says_that_it_regresses(checkpoint):
    found = Checkpoint.open(checkpoint)
    assert found.card["policy"] == "bc"
    assert found.network.backbone == "mlp"
    assert found.card["heldout_loss"] < 0.5


def test_the_actions_error_falls_while_training(checkpoint):
    rows = Checkpoint.open(checkpoint).card["log"]["rows"]
    assert rows[-1]["heldout_loss"] < 0.8 * rows[0]["heldout_loss"]


def test_a_sense_it_needs_raises_the_error_when_it_is_shuffled(checkpoint):
    low, _, _ = Checkpoint.open(checkpoint).card["senses"]["rise"]["vision"]
    assert low > 0.05


def test_weights_of_a_diffusion_policy_are_refused(checkpoint, task):
    with pytest.raises(CheckpointError, match="holds bc"):
        JointDiffusionPolicy(PolicySpec("dp-dit", checkpoint=str(checkpoint)), task)


@pytest.mark.parametrize("option", ["sampler", "denoising_steps", "depth", "composition", "backbone"])
def test_options_that_mean_nothing_to_it_are_refused(task, option):
    with pytest.raises(SpecError, match="has no option"):
        architecture_of(PolicySpec("bc", options={option: "1"}), task)

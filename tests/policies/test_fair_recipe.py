"""The recipe `fair`: equal vision steps, a base without pictures to its plateau; what a policy string adds to it."""

import logging
from dataclasses import replace

import pytest
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.config import DiffusionConfig, TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.training.fit import fit
from fdp_policies.training.named import unnamed, with_named
from fdp_policies.training.settings import training_config

from fdp_bench.api import PolicySpec, SpecError

logging.getLogger("matplotlib").setLevel(logging.ERROR)
FAIR = {"budget": "vision", "decay_base": True, "heldout_weight": "trained", "blind_steps": 60}


def test_its_settings():
    recipe = training_config({"recipe": "fair"})
    assert (recipe.steps, recipe.blind_steps, recipe.num_demos) == (7_000, 15_000, 100)
    assert (recipe.budget, recipe.decay_base, recipe.heldout_weight) == ("vision", True, "trained")


@pytest.mark.parametrize(
    ("policy", "order", "own", "base"),
    [("dp-dit", "", 40, None), ("fdp", "prop>vision", 40, 60), ("fdp", "vision>prop", 20, 20)],
)
def test_all_policies_take_equally_many_steps_on_pictures(make_job, policy, order, own, base):
    checkpoint = Checkpoint.open(fit(make_job(policy, order, plateau_min_steps=1000, **FAIR)))
    assert checkpoint.card["steps"] == own
    assert (checkpoint.base and checkpoint.base.card["steps"]) == base


def test_a_base_without_pictures_decays_from_its_plateau_and_stops(make_job):
    job = make_job("base", "prop", plateau_fall=0.9, plateau_min_steps=20, **FAIR)
    card = Checkpoint.open(fit(job)).card
    assert (card["steps"], card["stopped"], card["log"]["decay_from"]) == (25, "plateau", 20)
    rates = [row["learning_rate"] for row in card["log"]["rows"]]
    assert rates[-1] < 0.2 * rates[-2] == pytest.approx(0.2 * job.training.learning_rate)


def test_a_base_with_pictures_takes_its_share_whole(make_job):
    card = Checkpoint.open(fit(make_job("base", "vision", plateau_fall=0.9, **FAIR))).card
    assert (card["steps"], card["stopped"]) == (20, "budget")


def test_heldout_losses_are_those_that_are_trained_on(make_job, tmp_path):
    cards = [
        Checkpoint.open(fit(make_job("dp-dit", out=tmp_path / weight, heldout_weight=weight))).card
        for weight in ("plain", "trained")
    ]
    first = [card["log"]["rows"][0] for card in cards]
    assert first[0]["train_loss"] == first[1]["train_loss"]
    # Before anything is learned every error is about 1, so what is left of it is the mean weight.
    weight = NoiseSchedule(DiffusionConfig()).loss_weight("min-snr", 5.0).mean().item()
    assert first[0]["heldout_loss"] == pytest.approx(1.0, rel=0.02)
    assert first[1]["heldout_loss"] == pytest.approx(weight, rel=0.02)


def test_a_joint_policy_trains_to_its_plateau_where_its_string_says_so(make_job, task):
    spec = PolicySpec("dp-dit", options={"steps": "plateau"})
    assert str(JointDiffusionPolicy.resolve(spec, task)) == "dp-dit?steps=plateau"
    asked = architecture_of(spec, task)
    job = make_job("dp-dit", plateau_fall=0.9, plateau_min_steps=20, **FAIR)
    architecture = replace(job.architecture, to_plateau=asked.to_plateau)
    training = with_named(job.training, architecture)
    assert training.joint_plateau_steps == 3 * training.steps
    card = Checkpoint.open(fit(replace(job, architecture=architecture, training=training))).card
    assert (card["stopped"], card["steps"]) == ("plateau", 25)
    assert unnamed(training, architecture) == job.training


def test_a_blind_residual_reads_the_prioritized_senses_alone(make_job, task):
    spec = PolicySpec("fdp", "prop>vision", options={"residual": "blind"})
    assert str(FactorizedDiffusionPolicy.resolve(spec, task)) == "fdp:prop>vision?residual=blind"
    assert architecture_of(spec, task).modalities == ("prop",)
    job = make_job("fdp", "prop>vision")
    blind = Checkpoint.open(fit(replace(job, architecture=replace(job.architecture, blind=True))))
    assert list(blind.shapes) == ["prop"]
    assert blind.base.sha256 == Checkpoint.open(fit(job)).base.sha256


def test_a_blind_residual_has_nothing_to_drop(task):
    with pytest.raises(SpecError, match="leave one of them out"):
        architecture_of(
            PolicySpec("fdp", "prop>vision", options={"residual": "blind", "residual_dropout": "0.3"}), task
        )


def test_a_residual_can_be_trained_on_another_loss_than_its_base(make_job):
    plain = Checkpoint.open(fit(make_job("fdp", "prop>vision", residual_loss_weight="plain")))
    whole = Checkpoint.open(fit(make_job("fdp", "prop>vision", out=plain.path.parent / "other")))
    assert plain.base.sha256 == whole.base.sha256
    assert plain.sha256 != whole.sha256


@pytest.mark.parametrize(
    "setting",
    [{"budget": "frames"}, {"heldout_weight": "x"}, {"residual_dropout": "1"}, {"blind_steps": "0"}],
)
def test_values_out_of_range_are_refused(setting):
    with pytest.raises(SpecError, match=next(iter(setting))):
        training_config(setting)


def test_the_default_recipe_is_as_it_was():
    assert TrainingConfig().budget == "gradient"
    assert not TrainingConfig().decay_base

"""Senses taken away while training: how often, by what, and that the policy string, not a setting, says so."""

from dataclasses import replace

import pytest
import torch
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.training.data import Batch
from fdp_policies.training.dropout import Dropout, drop_modalities
from fdp_policies.training.fit import fit
from fdp_policies.training.named import with_named
from fdp_policies.training.settings import training_config

from fdp_bench.api import PolicySpec, SpecError

SENSES = {"prop": ("prop",), "vision": ("image.a", "image.b"), "tactile": ("tactile",)}


def batch(rows=4000, keys=("prop", "image.a", "image.b")):
    values = {
        key: torch.ones(rows, 2, 3) if not key.startswith("image.") else torch.ones(rows, 6, 2, 2)
        for key in keys
    }
    return Batch(values, torch.zeros(rows, 4, 2))


def gone(shown):
    return {key: (value == 0).flatten(1).all(1) for key, value in shown.observation.items()}


def drop(probability, given=None, seed=0, names=tuple(SENSES), keeps_one=True):
    dropout = Dropout(probability, names, keeps_one)
    return drop_modalities(given or batch(), SENSES, dropout, torch.Generator().manual_seed(seed))


def test_senses_go_as_often_as_asked_and_never_all_at_once():
    lost = gone(drop(0.3))
    # Both would go in 0.09 of the windows, and half of those keep one or the other.
    assert lost["prop"].float().mean().item() == pytest.approx(0.3 - 0.045, abs=0.03)
    assert lost["image.a"].float().mean().item() == pytest.approx(0.3 - 0.045, abs=0.03)
    assert not (lost["prop"] & lost["image.a"]).any()
    assert (lost["prop"] | lost["image.a"]).any()


def test_all_cameras_of_a_window_go_together_and_what_stays_is_untouched():
    shown = drop(0.5)
    lost = gone(shown)
    assert torch.equal(lost["image.a"], lost["image.b"])
    assert (shown.observation["image.a"][~lost["image.a"]] == 1).all()


def test_a_lone_sense_is_never_taken():
    assert not gone(drop(0.9, batch(keys=("prop",))))["prop"].any()


def test_from_a_residual_all_secondary_senses_may_go_and_no_other():
    lost = gone(drop(0.4, names=("vision",), keeps_one=False))
    assert lost["image.a"].float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert not lost["prop"].any()


def test_draws_come_from_the_generator_and_the_batch_stays_as_it_is():
    given = batch(50)
    first, again, other = (drop(0.5, given, seed) for seed in (1, 1, 2))
    assert torch.equal(first.observation["prop"], again.observation["prop"])
    assert not torch.equal(first.observation["prop"], other.observation["prop"])
    assert (given.observation["prop"] == 1).all()


@pytest.mark.parametrize("text", ["0.3", "0.30", "3e-1"])
def test_every_spelling_of_the_option_is_one_policy(task, text):
    resolved = JointDiffusionPolicy.resolve(PolicySpec("dp-dit", options={"modality_dropout": text}), task)
    assert str(resolved) == "dp-dit?modality_dropout=0.3"
    assert architecture_of(resolved, task).slug == "dp-dit-modality_dropout0.3"


def test_none_is_plain_dp_dit(task):
    spec = PolicySpec("dp-dit", options={"modality_dropout": "0"})
    assert architecture_of(spec, task) == architecture_of(PolicySpec("dp-dit"), task)


@pytest.mark.parametrize("text", ["1", "-0.1", "often"])
def test_what_is_no_probability_is_refused(task, text):
    with pytest.raises(SpecError, match="modality_dropout"):
        architecture_of(PolicySpec("dp-dit", options={"modality_dropout": text}), task)


def test_a_factorized_policy_has_no_such_option(task):
    with pytest.raises(SpecError, match="no option 'modality_dropout'"):
        architecture_of(PolicySpec("fdp", "prop>vision", options={"modality_dropout": "0.3"}), task)


def test_option_and_setting_that_disagree_are_refused(task):
    asked = architecture_of(PolicySpec("dp-dit", options={"modality_dropout": "0.3"}), task)
    assert with_named(training_config({}), asked).modality_dropout == 0.3
    with pytest.raises(SpecError, match="disagree"):
        with_named(training_config({"modality_dropout": "0.2"}), asked)


def test_training_with_it_gives_other_weights_and_names_it_once(make_job, tmp_path):
    plain = make_job("dp-dit", out=tmp_path, steps=10)
    architecture = replace(plain.architecture, modality_dropout=0.5)
    training = with_named(plain.training, architecture)
    dropped = Checkpoint.open(fit(replace(plain, architecture=architecture, training=training)))
    assert dropped.path.name == "dp-dit-modality_dropout0.5.safetensors"
    assert dropped.card["policy"] == "dp-dit?modality_dropout=0.5"
    assert "dropout" not in dropped.card["variant"]
    assert dropped.card["determinants"]["training"]["modality_dropout"] == 0.5
    assert dropped.sha256 != Checkpoint.open(fit(plain)).sha256


def test_an_fdp_is_trained_with_dropout_of_its_secondary_senses_alone(make_job, task, tmp_path):
    spec = PolicySpec("fdp", "prop>vision", options={"residual_dropout": "0.5"})
    asked = architecture_of(spec, task)
    plain = make_job("fdp", "prop>vision", out=tmp_path, steps=20)
    architecture = replace(plain.architecture, residual_dropout=asked.residual_dropout)
    training = with_named(plain.training, architecture)
    dropped = Checkpoint.open(fit(replace(plain, architecture=architecture, training=training)))
    whole = Checkpoint.open(fit(plain))
    assert dropped.card["policy"] == "fdp:prop>vision?residual_dropout=0.5"
    assert dropped.path.name == "fdp-prop-vision-residual_dropout0.5.safetensors"
    assert dropped.sha256 != whole.sha256
    assert dropped.base.sha256 == whole.base.sha256


@pytest.mark.parametrize("policy", [("fdp", "prop>vision"), ("base", "prop"), ("score-sum", "prop,vision")])
def test_dropout_that_would_take_prioritized_senses_is_refused(task, policy):
    architecture = architecture_of(PolicySpec(*policy), task)
    with pytest.raises(SpecError, match=r"would take prioritized senses .* residual_dropout=0.3"):
        with_named(training_config({"modality_dropout": "0.3"}), architecture)

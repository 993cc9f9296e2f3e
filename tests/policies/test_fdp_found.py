"""What determines weights, and finding those that need not be trained again; ablations of the recipe."""

import json
import logging
from dataclasses import replace

import pytest
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.checkpoints.checkpoint import Checkpoint, state_sha256
from fdp_policies.checkpoints.policy_spec import BUNDLED as WEIGHTS
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.checkpoints.training_fingerprint import agree
from fdp_policies.config import NetworkConfig, TrainingConfig, variant_of
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser
from fdp_policies.training.fit import fit

from fdp_bench.api import PolicySpec, SpecError, Training
from fdp_bench.tasks import describe

logging.getLogger("matplotlib").setLevel(logging.ERROR)

LIFT = "fdp_bench/Lift-v1"
BUNDLED = {"num_demos": "100", "seed": "0"}


def bundled_hash():
    info = FactorizedDiffusionPolicy.weights(PolicySpec("fdp", "prop>vision"), describe(LIFT))
    return info.card["determinants"]["data_sha256"]


def find(settings, *, data=None, spec=PolicySpec("fdp", "prop>vision"), folders=()):  # noqa: B008
    return FactorizedDiffusionPolicy.trained(
        spec, describe(LIFT), bundled_hash() if data is None else data, settings, folders
    )


def test_bundled_weights_are_found_by_the_settings_and_data_that_made_them():
    assert find(BUNDLED) == PolicySpec("fdp", "prop>vision")


def test_without_demonstrations_at_hand_the_bundled_weights_will_do():
    assert find(BUNDLED, data="") == PolicySpec("fdp", "prop>vision")


@pytest.mark.parametrize(
    "changed", [{"seed": "1"}, {"num_demos": "50"}, {"steps": "6999"}, {"zero_init": "false"}]
)
def test_other_settings_are_other_weights(changed):
    assert find({**BUNDLED, **changed}) is None


def test_other_demonstrations_are_other_weights():
    assert find(BUNDLED, data="0" * 64) is None


def test_weights_in_a_named_folder_are_found_and_damaged_ones_passed_over(tmp_path):
    whole, damaged = tmp_path / "whole", tmp_path / "damaged"
    for folder in (whole, damaged):
        folder.mkdir()
        for name in ("fdp-prop-vision", "base-prop"):
            for suffix in (".json", ".safetensors"):
                source = WEIGHTS / "Lift-v1" / f"{name}{suffix}"
                (folder / source.name).write_bytes(source.read_bytes())
        card = json.loads((folder / "fdp-prop-vision.json").read_text())
        card["determinants"]["training"]["seed"] = 7
        (folder / "fdp-prop-vision.json").write_text(json.dumps(card))
    (damaged / "base-prop.safetensors").write_bytes(b"")

    found = find({**BUNDLED, "seed": "7"}, folders=[damaged, whole])

    assert found == PolicySpec("fdp", "prop>vision", str(whole / "fdp-prop-vision.safetensors"))
    assert find({**BUNDLED, "seed": "7"}, folders=[damaged]) is None


def test_settings_younger_than_a_card_count_as_their_default(make_job):
    wanted = make_job("base", "prop").determinants("base")
    old = {**wanted, "training": {**wanted["training"]}}
    del old["version"], old["training"]["base_steps"]

    assert agree(old, wanted)
    assert not agree(old, make_job("base", "prop", base_steps=7).determinants("base"))
    assert not agree({**old, "version": 2}, wanted)
    assert not agree({}, wanted)


def test_a_setting_counts_only_where_it_can_reach_the_network(make_job):
    plain, other = make_job("fdp", "prop>vision"), make_job("fdp", "prop>vision", zero_init=False)

    assert agree(plain.determinants("base"), other.determinants("base"))
    assert not agree(plain.determinants("residual"), other.determinants("residual"))


def test_the_variant_names_what_differs_from_the_recipe():
    assert variant_of(TrainingConfig(num_demos=10, seed=3)) == ""
    assert variant_of(TrainingConfig(zero_init=False, steps=20)) == "steps=20,zero_init=false"


def test_a_card_tells_training_size_seed_and_variant(make_job):
    card = Checkpoint.open(fit(make_job("dp-dit", seed=4))).card

    training = Training.from_card(card)

    assert (training.demos, training.seed) == (100, 4)
    assert training.variant.startswith("eval_every=10,")


def test_phases_take_the_steps_that_they_are_given(make_job):
    job = make_job("fdp", "prop>vision", base_steps=25, residual_steps=15, plateau_fall=0.9)
    checkpoint = Checkpoint.open(fit(job))

    assert (checkpoint.base.card["steps"], checkpoint.card["steps"]) == (25, 15)


def test_a_reused_base_is_taken_as_it_is(make_job, tmp_path):
    first = make_job("fdp", "prop>vision", out=tmp_path / "a")
    fit(first)
    again = replace(make_job("fdp", "prop>vision", out=tmp_path / "b", zero_init=False), reuse=(first.out,))
    (tmp_path / "a" / "base-prop.csv").unlink()
    fit(again)

    weights = [tmp_path / name / "base-prop.safetensors" for name in "ab"]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert not (tmp_path / "b" / "base-prop.csv").exists()  # it was copied, not trained


def test_an_unfrozen_base_acts_as_it_has_become(make_job):
    checkpoint = Checkpoint.open(fit(make_job("fdp", "prop>vision", freeze_base=False)))

    before = Checkpoint.open(checkpoint.path.parent / "base-prop.safetensors")
    loaded = load_denoiser(checkpoint, "cpu").base.state_dict()
    assert checkpoint.base.path.name == "fdp-prop-vision-base.safetensors"
    assert state_sha256(loaded) == state_sha256(checkpoint.base.tensors())
    assert state_sha256(loaded) != state_sha256(before.tensors())


@pytest.mark.parametrize("zero_init", [True, False])
def test_z_starts_at_zero_unless_told_otherwise(task, network, zero_init):
    shapes = task.observation_shapes
    base = DiffusionTransformer({"prop": (3,)}, 2, network)
    denoiser = FactorizedDenoiser(base, shapes, 2, network, zero_init=zero_init)

    assert all(bool((z.weight == 0).all()) is zero_init for z in denoiser.zero_layers)


def test_width_and_depth_make_other_architectures(task):
    wide = architecture_of(PolicySpec("dp-dit", options={"width": "0184", "depth": "4"}), task)

    assert str(wide) == "dp-dit?width=184"
    assert wide.slug == "dp-dit-width184"
    assert wide.network == NetworkConfig(width=184)
    resolved = FactorizedDiffusionPolicy.resolve(PolicySpec("dp-dit", options={"width": "128"}), task)
    assert resolved == PolicySpec("dp-dit")


@pytest.mark.parametrize("options", [{"width": "10"}, {"width": "-8"}, {"depth": "0"}, {"depth": "deep"}])
def test_sizes_that_cannot_be_built_are_refused(task, options):
    with pytest.raises(SpecError):
        architecture_of(PolicySpec("dp-dit", options=options), task)


def test_a_wide_joint_policy_has_about_the_parameters_of_an_fdp():
    shapes = describe(LIFT).observation_shapes
    wide = sum(p.numel() for p in DiffusionTransformer(shapes, 7, NetworkConfig(width=184)).parameters())
    path = WEIGHTS / "Lift-v1" / "fdp-prop-vision.safetensors"
    checkpoint = Checkpoint.open(path)
    fdp = checkpoint.card["parameters"] + checkpoint.base.card["parameters"]

    assert wide == pytest.approx(fdp, rel=0.02)


def test_a_sweep_takes_over_the_bundled_base(monkeypatch, tmp_path, task, demonstrations):
    from fdp_policies.training import settings as text_settings

    given = []
    monkeypatch.setattr(text_settings, "load_demonstrations", lambda *_, **__: demonstrations)
    monkeypatch.setattr(text_settings, "fit", given.append)

    for settings in ({"reuse": str(tmp_path)}, {}):
        text_settings.fit_from_settings(PolicySpec("fdp", "prop>vision"), task, tmp_path, tmp_path, settings)

    assert [job.reuse for job in given] == [(tmp_path, WEIGHTS / "Lift-v1"), ()]

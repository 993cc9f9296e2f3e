"""`score-sum` and `router`: experts trained apart and reused, weights found, checkpoints, and actions."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.router import RouterPolicy
from fdp_policies.score_sum import ScoreSumPolicy
from fdp_policies.training.fit import fit
from fdp_policies.training.found import find_trained
from fdp_policies.training.warnings import idle_expert_warning
from rounding import assert_equal_to_rounding, exactly
from toy_inputs import draw, observe

from fdp_bench.api import CheckpointError, PolicySpec, SpecError
from fdp_bench.tasks import TASKS, describe

logging.getLogger("matplotlib").setLevel(logging.ERROR)
KINDS = {"score-sum": ScoreSumPolicy, "router": RouterPolicy}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def trained(make_job, stored):
    """Make or take a checkpoint of a family, in one folder for all."""

    def make(name, **recipe):
        settings = {"steps": 160, "eval_every": 20, "batch_size": 16, "learning_rate": 2e-3, **recipe}
        return Checkpoint.open(fit(make_job(name, "prop,vision", out=stored, **settings)))

    return make


@pytest.mark.parametrize("name", KINDS)
def test_all_phases_together_take_the_steps_of_one_policy(trained, name):
    checkpoint = trained(name)
    experts = [part.card["steps"] for part in checkpoint.parts.values()]
    assert experts == ([80, 80] if name == "score-sum" else [70, 70])
    assert sum(experts) + checkpoint.card["steps"] == checkpoint.card["total_steps"] == 160


def test_experts_are_the_bases_of_an_fdp_where_their_recipes_agree(trained, make_job, stored):
    summed = trained("score-sum")
    assert [part.path.name for part in summed.parts.values()] == [
        "base-prop.safetensors",
        "base-vision.safetensors",
    ]
    written = (stored / "base-prop.safetensors").stat().st_mtime_ns
    recipe = {"steps": 160, "eval_every": 20, "batch_size": 16, "learning_rate": 2e-3}
    fdp = Checkpoint.open(fit(make_job("fdp", "prop>vision", out=stored, **recipe)))
    assert fdp.base.sha256 == summed.parts["experts.0."].sha256
    assert (stored / "base-prop.safetensors").stat().st_mtime_ns == written


def test_shorter_experts_leave_the_place_of_the_bases_alone(trained):
    names = [part.path.name for part in trained("router").parts.values()]
    assert names == ["base-prop-70.safetensors", "base-vision-70.safetensors"]


def test_stored_weights_beat_either_expert_on_held_out_demonstrations(trained):
    checkpoint = trained("score-sum")
    means = {name: mean for name, (_, mean, _) in checkpoint.card["weights"].items()}
    assert sum(means.values()) == pytest.approx(1)
    assert checkpoint.card["stopped"] == "solved"
    mixture = load_denoiser(checkpoint, "cpu")
    np.testing.assert_allclose(
        (mixture.share / mixture.share.sum()).tolist(), list(means.values()), rtol=1e-6
    )
    row = checkpoint.card["log"]["rows"][-1]
    assert row["weight_prop"] == means["prop"]
    best = min(part.card["heldout_loss"] for part in checkpoint.parts.values())
    # Found under the recipe's loss weight, told without: it may not be worse by more than that explains.
    assert checkpoint.card["heldout_loss"] < 1.02 * best


def test_a_consensus_learns_and_leaves_its_experts_as_they_are(trained):
    checkpoint = trained("router")
    spread = checkpoint.card["weights"]
    assert sum(mean for _, mean, _ in spread.values()) == pytest.approx(1)
    assert all(low < high for low, _, high in spread.values())
    loaded = load_denoiser(checkpoint, "cpu").state_dict()
    for prefix, part in checkpoint.parts.items():
        for name, value in part.tensors().items():
            assert torch.equal(loaded[f"{prefix}{name}"], value)
    assert loaded["vote.2.weight"].abs().max() > 1e-3


def test_a_consensus_follows_the_expert_that_knows_more(trained):
    checkpoint = trained("router")
    losses = {
        name: part.card["heldout_loss"]
        for name, part in zip(("prop", "vision"), checkpoint.parts.values(), strict=True)
    }
    means = {name: mean for name, (_, mean, _) in checkpoint.card["weights"].items()}
    assert min(losses, key=losses.get) == max(means, key=means.get)


@pytest.mark.usefixtures("gentle")
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("sampler", [{}, {"sampler": "ddpm", "denoising_steps": "5"}])
def test_the_fast_path_acts_as_the_plain_one(trained, task, name, sampler):
    policy = KINDS[name](PolicySpec(name, "prop,vision", str(trained(name).path), sampler), task)
    given, plain = (observe(4), draw(policy, 4)), policy._sampler
    fast = policy.act(*given)
    assert fast.std() > 0.05
    assert_equal_to_rounding(fast, plain.act_plainly, exactly(plain), given)


@pytest.mark.usefixtures("gentle")
@pytest.mark.parametrize("name", KINDS)
def test_experts_on_unets_act_and_are_told_apart_by_their_names(make_job, task, stored, name):
    job = make_job(name, "prop,vision", out=stored, steps=8, eval_every=4, batch_size=8, plateau_min_steps=2)
    network = replace(job.network, backbone="unet")
    path = fit(replace(job, architecture=replace(job.architecture, network=network)))
    assert path.name == f"{name}-prop-vision-unet.safetensors"
    policy = KINDS[name](PolicySpec(name, "prop,vision", str(path), {"backbone": "unet"}), task)
    given, plain = (observe(3), draw(policy, 3)), policy._sampler
    assert_equal_to_rounding(policy.act(*given), plain.act_plainly, exactly(plain), given)


def test_weights_made_from_the_same_data_and_settings_are_known_again(
    trained, make_job, stored, task, monkeypatch
):
    checkpoint = trained("router")
    found = Checkpoint.open(checkpoint.path).card["determinants"]
    settings = {key: str(value).lower() for key, value in found["training"].items()}
    spec = PolicySpec("router", "prop,vision")
    # The toy's networks are smaller than what a policy string can ask for.
    monkeypatch.setattr(
        "fdp_policies.checkpoints.policy_spec._network_of", lambda _: (checkpoint.network, {})
    )
    place = find_trained(spec, task, "toy", settings, [stored])
    assert place == replace(spec, checkpoint=str(checkpoint.path))
    assert find_trained(spec, task, "toy", {**settings, "base_fraction": "0.2"}, [stored]) == place
    assert find_trained(spec, task, "toy", {**settings, "steps": "161"}, [stored]) is None


def test_all_files_are_told_and_a_changed_expert_is_refused(trained, task, tmp_path):
    checkpoint = trained("score-sum")
    spec = PolicySpec("score-sum", "prop,vision")
    for path in ScoreSumPolicy.weights(replace(spec, checkpoint=str(checkpoint.path)), task).files:
        for suffix in (".json", ".safetensors"):
            (tmp_path / f"{path.stem}{suffix}").write_bytes(path.with_suffix(suffix).read_bytes())
    moved = replace(spec, checkpoint=str(tmp_path / checkpoint.path.name))
    assert ScoreSumPolicy.weights(moved, task).sha256 == checkpoint.combined_sha256()
    ScoreSumPolicy(moved, task)
    (tmp_path / "base-vision.safetensors").write_bytes(b"other")
    with pytest.raises(CheckpointError, match="not the expert that score-sum-prop-vision"):
        ScoreSumPolicy(moved, task)
    (tmp_path / "base-vision.safetensors").unlink()
    assert not ScoreSumPolicy.weights(moved, task).available


@pytest.mark.parametrize(
    "changes",
    [
        {"experts": []},
        {"experts": [{"file": "a"}, {"file": "b"}]},
        {"experts": [{"file": "a.safetensors", "sha256": ""}] * 17},
        {"composition": "block"},
        {"base": {"file": "base-prop.safetensors", "sha256": ""}},
    ],
)
def test_cards_of_no_mixture_are_malformed(trained, tmp_path, changes):
    path = trained("score-sum").path
    (tmp_path / path.name).write_bytes(path.read_bytes())
    card = {**json.loads(path.with_suffix(".json").read_text()), **changes}
    (tmp_path / path.name).with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="malformed"):
        Checkpoint.open(tmp_path / path.name)


def test_the_order_written_means_nothing_and_the_text_parses_back(task):
    found = architecture_of(PolicySpec("router", "vision,prop"), task)
    assert str(found) == "router:prop,vision"
    assert found.slug == "router-prop-vision"
    joint = architecture_of(PolicySpec("score-sum", "vision+prop,vision", options={"width": "64"}), task)
    assert str(joint) == "score-sum:prop+vision,vision?width=64"
    assert joint.modalities == ("prop", "vision")
    assert ScoreSumPolicy.orders(task) == ["prop,vision"]


@pytest.mark.parametrize(
    ("name", "order", "options", "message"),
    [
        ("score-sum", "", {}, "needs its experts, for instance 'score-sum:prop,vision'"),
        ("router", "prop", {}, "names one expert"),
        ("router", "prop>vision", {}, "experts have no priority"),
        ("router", "prop,tactile", {}, "unknown modality 'tactile'"),
        ("score-sum", "prop,vision", {"composition": "score"}, "no option 'composition'"),
        ("fdp", "prop,vision", {}, "trained apart"),
        ("base", "prop,vision", {}, "trained apart"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(task, name, order, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        architecture_of(PolicySpec(name, order, options=options), task)
    assert "\n" not in str(caught.value)


def test_an_expert_without_weight_is_told():
    assert "prop has 0.3% of the weight" in idle_expert_warning({"prop": 0.003, "vision": 0.997})[0]
    assert not idle_expert_warning({"prop": 0.02, "vision": 0.98})


@pytest.mark.parametrize("name", [task.id for task in TASKS.values() if task.bundled])
def test_the_bundled_sum_is_of_the_bundled_bases(name):
    spec, task = PolicySpec("score-sum", "prop,vision"), describe(name)
    weights = ScoreSumPolicy.weights(spec, task)
    assert weights.available
    assert [path.stem for path in weights.files] == ["score-sum-prop-vision", "base-prop", "base-vision"]
    recipe = weights.card["determinants"]["training"]
    assert weights.card["total_steps"] == recipe["steps"]
    settings = {key: str(recipe[key]) for key in ("num_demos", "seed", "steps")}
    assert (
        ScoreSumPolicy.trained(spec, task, weights.card["determinants"]["data_sha256"], settings, []) == spec
    )

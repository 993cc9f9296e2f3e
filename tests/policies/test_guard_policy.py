"""``?guard=``: calibrated, refused without, part of what is hashed, and no other weights."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fdp_policies.acting.guarded_policy import calibration_place
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.checkpoints.policy_spec import BUNDLED as WEIGHTS
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.dp_unet import UnetDiffusionPolicy
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.guard.option import guard_option
from fdp_policies.training.fit import fit
from safetensors.numpy import load_file, save_file
from toy_inputs import draw, make_demonstration, observe

from fdp_bench.api import (
    CalibrationRequest,
    CheckpointError,
    Decision,
    PlayedEpisode,
    PolicySpec,
    SpecError,
)
from fdp_bench.specs import parse_policy
from fdp_bench.tasks import describe

#: Settings that the bundled weights were made with.
BUNDLED = {"num_demos": "100", "seed": "0"}
REQUEST = CalibrationRequest(episodes=19)
CHUNKS = range(0, 12, 4)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def weights(make_job, stored):
    """Folder of an FDP, its base, a joint policy and an FDP of the other order."""
    for name, order in (("fdp", "prop>vision"), ("dp-dit", ""), ("fdp", "vision>prop")):
        fit(make_job(name, order, out=stored))
    return stored


@pytest.fixture
def folder(weights, tmp_path):
    """The same, for one test."""
    return shutil.copytree(weights, tmp_path / "weights")


def fdp(folder, order="prop>vision", **options):
    slug = "fdp-" + order.replace(">", "-")
    return PolicySpec("fdp", order, str(folder / f"{slug}.safetensors"), {"guard": "on", **options})


def joint(folder, **options):
    return PolicySpec("dp-dit", "", str(folder / "dp-dit.safetensors"), {"guard": "base:prop", **options})


class Player:
    """Clean episodes along demonstrations that nobody trained on; counts what it was asked to play."""

    def __init__(self, base_succeeds=lambda index: True):
        self.played = []
        self.base_succeeds = base_succeeds

    def __call__(self, policy, indices):
        self.played.append((policy.spec.name, indices))
        # As they end, which is not in their order.
        for index in reversed(indices):
            demo = make_demonstration(1000 + index)
            rng = np.random.default_rng(index)
            decisions = []
            for step in CHUNKS:
                seen = np.maximum([step - 1, step], 0)
                shown = {"prop": demo.prop[seen], "image.agentview": demo.images["image.agentview"][seen]}
                decisions.append(Decision(shown, rng.standard_normal(policy.noise_shape, dtype=np.float32)))
            success = policy.spec.name != "base" or self.base_succeeds(index)
            yield PlayedEpisode(index, success, tuple(decisions))


def calibrate(spec, task, request=REQUEST, play=None):
    kind = JointDiffusionPolicy if spec.name == "dp-dit" else FactorizedDiffusionPolicy
    return kind.calibrate(kind.resolve(spec, task), task, play or Player(), request)


def card_of(folder, name="fdp-prop-vision.guard-ddim10"):
    return json.loads((folder / f"{name}.json").read_text())


def edit(folder, name="fdp-prop-vision.guard-ddim10", **changes):
    (folder / f"{name}.json").write_text(json.dumps({**card_of(folder, name), **changes}))


def listen_to_distance_alone(folder, name):
    """Let any contribution count as too large: that of networks trained for seconds says little."""
    path = folder / f"{name}.safetensors"
    tensors = load_file(path)
    tensors["thresholds"][:-1] = -1.0
    save_file(tensors, path)
    edit(folder, name, tensors_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("make", [fdp, joint])
def test_without_a_calibration_the_guard_is_refused_with_the_command_to_type(folder, task, make):
    spec = make(folder)
    kind = JointDiffusionPolicy if spec.name == "dp-dit" else FactorizedDiffusionPolicy
    named = str(spec) if spec.name == "dp-dit" else str(replace(spec, options={}))

    info = kind.weights(spec, task)
    assert (info.available, info.needs_calibration) == (False, True)
    assert info.source.endswith(
        f'make it with `fdp-bench calibrate --policy "{named}" --task {task.task_id}`'
    )
    with pytest.raises(CheckpointError, match="has no calibration beside") as refused:
        kind(spec, task)
    assert "\n" not in str(refused.value)


def test_a_calibration_plays_twice_as_many_episodes_as_decide_and_the_base_on_those_that_do(folder, task):
    play = Player(base_succeeds=lambda index: index % 2 == 0)
    done = calibrate(fdp(folder), task, play=play)

    assert done.made
    assert parse_policy(done.policy) == fdp(folder)
    assert play.played == [("fdp", range(19)), ("fdp", range(19, 38)), ("base", range(19, 38))]
    card = card_of(folder)
    assert (card["order"], card["sampler"], card["denoising_steps"], card["episodes"]) == (19, "ddim", 10, 19)
    assert (card["reference_indices"], card["scored_indices"]) == ([0, 18], [19, 37])
    assert card["clean_success"] == {
        "policy": {"successes": 19, "episodes": 19},
        "base": {"successes": 9, "episodes": 19},
    }
    assert card["feature_rows"] == 19 * len(CHUNKS)
    assert any("at most 5% of clean episodes" in line for line in done.facts)
    assert any("100% (19 of 19) unguarded, 47% (9 of 19) the base alone" in line for line in done.facts)


def test_calibrating_twice_makes_the_same_and_finds_it_made(folder, task, tmp_path):
    calibrate(fdp(folder), task)
    first = (folder / "fdp-prop-vision.guard-ddim10.safetensors").read_bytes(), card_of(folder)
    play = Player()
    assert not calibrate(fdp(folder), task, play=play).made
    assert play.played == []
    (folder / "fdp-prop-vision.guard-ddim10.json").unlink()
    assert calibrate(fdp(folder), task).made
    assert ((folder / "fdp-prop-vision.guard-ddim10.safetensors").read_bytes(), card_of(folder)) == first
    assert calibrate(fdp(folder), task, replace(REQUEST, episodes=20)).made
    assert card_of(folder)["tensors_sha256"] != first[1]["tensors_sha256"]


def test_too_few_episodes_are_refused_before_any_is_played(folder, task):
    play = Player()
    with pytest.raises(SpecError, match="use at least 19"):
        calibrate(fdp(folder), task, CalibrationRequest(episodes=18), play)
    assert play.played == []


def test_a_clean_episode_of_those_that_decided_steps_aside_in_none_but_the_largest(folder, task):
    done = calibrate(fdp(folder), task, CalibrationRequest(episodes=20))
    policy = FactorizedDiffusionPolicy(parse_policy(done.policy), task)
    alarms = []
    for episode in Player()(policy, range(20, 40)):
        for decision in episode.decisions:
            policy.act(
                {key: value[None] for key, value in decision.observation.items()}, decision.noise[None]
            )
            alarms.append(bool(policy.fallbacks()[0]))

    # The largest score of twenty is the level itself, and only what is above it is an alarm.
    assert not any(alarms)


@pytest.mark.parametrize("order", ["prop>vision", "vision>prop"])
def test_rows_whose_secondary_sense_is_far_away_are_the_bases(folder, task, order):
    done = calibrate(fdp(folder, order), task)
    listen_to_distance_alone(folder, f"fdp-{order.replace('>', '-')}.guard-ddim10")
    guarded, plain = (
        FactorizedDiffusionPolicy(spec, task)
        for spec in (parse_policy(done.policy), fdp(folder, order, guard="off"))
    )
    first = order.partition(">")[0]
    base = BaseDiffusionPolicy(PolicySpec("base", first, str(folder / f"base-{first}.safetensors")), task)
    observation, noise = observe(4), draw(plain, 4)
    if order == "prop>vision":
        odd = {**observation, "image.agentview": np.full_like(observation["image.agentview"], 255)}
    else:
        odd = {**observation, "prop": observation["prop"] + 40}

    actions = guarded.act(odd, noise)

    assert plain.fallbacks() is None
    assert guarded.fallbacks().all()
    np.testing.assert_allclose(actions, base.act(odd, noise), atol=1e-4)
    assert np.abs(actions - plain.act(odd, noise)).max() > 0.01


def test_the_joint_policy_falls_back_to_the_base_beside_it_row_by_row(folder, task):
    done = calibrate(joint(folder), task)
    guarded, plain = (
        JointDiffusionPolicy(spec, task) for spec in (parse_policy(done.policy), joint(folder, guard="off"))
    )
    base = BaseDiffusionPolicy(PolicySpec("base", "prop", str(folder / "base-prop.safetensors")), task)
    usual = next(Player()(plain, range(1))).decisions
    observation = {key: np.stack([each.observation[key] for each in usual]) for key in usual[0].observation}
    observation["image.agentview"][1] = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 3))
    noise = draw(plain, 3)

    actions = guarded.act(observation, noise)

    assert card_of(folder, "dp-dit.guard-base-prop-ddim10")["signals"] == ["distance"]
    assert guarded.fallbacks().tolist() == [False, True, False]
    expected = np.where(
        guarded.fallbacks()[:, None, None], base.act(observation, noise), plain.act(observation, noise)
    )
    assert np.array_equal(actions, expected)


def test_the_plain_path_decides_as_the_fast_one(folder, task):
    for spec in (fdp(folder), joint(folder)):
        done = calibrate(spec, task)
        kind = JointDiffusionPolicy if spec.name == "dp-dit" else FactorizedDiffusionPolicy
        if spec.name == "fdp":
            listen_to_distance_alone(folder, "fdp-prop-vision.guard-ddim10")
        policy = kind(parse_policy(done.policy), task)
        given = observe(6), draw(policy, 6)
        policy.act(*given)
        fast = policy.fallbacks().copy()
        policy._sampler.act_plainly(*given)
        assert fast.any()
        assert np.array_equal(policy.fallbacks(), fast)


@pytest.mark.parametrize("make", [fdp, joint])
def test_the_hash_changes_with_the_calibration_and_only_that_of_the_guarded_policy(folder, task, make):
    spec = make(folder)
    kind = JointDiffusionPolicy if spec.name == "dp-dit" else FactorizedDiffusionPolicy
    unguarded = replace(spec, options={})
    before = kind.weights(unguarded, task)
    hashes = []
    for episodes in (19, 20):
        calibrate(spec, task, CalibrationRequest(episodes=episodes))
        info = kind.weights(spec, task)
        assert info.available
        assert info.card["guard"]["episodes"] == episodes
        assert {**info.card, "guard": None} == {**before.card, "guard": None}
        hashes.append(info.sha256)
    assert len({*hashes, before.sha256}) == 3
    assert kind.weights(unguarded, task) == before
    named = {path.name for path in info.files}
    assert {path.name for path in before.files} < named
    assert "base-prop.safetensors" in named
    assert sum("guard" in name for name in named) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "ddpm"}, "was made for sampler ddpm, not ddim"),
        ({"denoising_steps": 5}, "was made for denoising_steps 5, not 10"),
        ({"weights_sha256": "0" * 64}, "was made for weights_sha256 000000000000..., not"),
        ({"task_id": "fdp_bench/Can-v1"}, "was made for task_id fdp_bench/Can-v1"),
        ({"profile": "reference"}, "was made for profile reference, not fast"),
        ({"tensors_sha256": "0" * 64}, "its SHA-256 is not the one in its card"),
        ({"episodes": "many"}, "card.episodes is 'many'"),
        ({"schema": 2}, "schema 2; this version reads 1"),
        ({"warnings": ["\x1b[2J"]}, "holds characters that cannot be shown"),
        ({"clean_success": {"policy": {}, "base": {}}}, "card.clean_success.policy.successes is missing"),
    ],
)
def test_a_calibration_for_something_else_is_refused_with_the_command_that_mends_it(
    folder, task, changes, message
):
    calibrate(fdp(folder), task)
    edit(folder, **changes)

    info = FactorizedDiffusionPolicy.weights(fdp(folder), task)

    assert info.needs_calibration
    assert message in info.source
    assert "make it again with `fdp-bench calibrate --policy" in info.source
    with pytest.raises(CheckpointError):
        FactorizedDiffusionPolicy(fdp(folder), task)
    assert calibrate(fdp(folder), task).made
    assert FactorizedDiffusionPolicy.weights(fdp(folder), task).available


def test_another_sampler_has_a_calibration_of_its_own(folder, task):
    calibrate(fdp(folder), task)
    other = fdp(folder, denoising_steps="5")

    source = FactorizedDiffusionPolicy.weights(other, task).source
    assert "is calibrated for ddim10 and not for ddim, 5 steps" in source
    assert '?denoising_steps=5" --task' in source
    calibrate(other, task)

    assert all(FactorizedDiffusionPolicy.weights(spec, task).available for spec in (other, fdp(folder)))


def test_a_damaged_file_of_tensors_is_refused_in_one_line(folder, task):
    calibrate(fdp(folder), task)
    path = folder / "fdp-prop-vision.guard-ddim10.safetensors"
    path.write_bytes(path.read_bytes()[:-4])

    assert "cannot be read" in FactorizedDiffusionPolicy.weights(fdp(folder), task).source


def test_a_weak_base_is_warned_of_with_its_figure(folder, task):
    done = calibrate(fdp(folder), task, play=Player(base_succeeds=lambda index: index < 21))

    assert done.warnings == FactorizedDiffusionPolicy.weights(fdp(folder), task).warnings
    assert (
        "base:prop, which alone succeeds in 11% (2 of 19) of clean episodes (below 30%)" in done.warnings[0]
    )
    assert calibrate(joint(folder), task).warnings == ()


def test_features_may_be_those_of_training_demonstrations(folder, task, demonstrations, monkeypatch):
    monkeypatch.setattr(
        "fdp_policies.acting.guard_calibration.load_demonstrations", lambda *_, **__: demonstrations
    )
    request = replace(REQUEST, data=folder / "any.npz")
    done = calibrate(fdp(folder), task, request)

    assert card_of(folder)["data_sha256"] == "toy"
    assert card_of(folder)["feature_rows"] == 100 * 12
    assert "features from training demonstrations" in " ".join(done.facts)
    assert not calibrate(fdp(folder), task, request).made
    assert calibrate(fdp(folder), task).made


def test_weights_elsewhere_are_copied_beside_their_calibration(folder, task, tmp_path):
    for spec in (fdp(folder), joint(folder)):
        done = calibrate(spec, task, replace(REQUEST, out=tmp_path / "out"))
        kind = JointDiffusionPolicy if spec.name == "dp-dit" else FactorizedDiffusionPolicy
        assert parse_policy(done.policy).checkpoint == str(
            tmp_path / "out" / spec.checkpoint.rpartition("/")[2]
        )
        assert kind.weights(parse_policy(done.policy), task).available
    assert not list(folder.glob("*guard*"))
    other = tmp_path / "out" / "base-prop.json"
    other.write_text(other.read_text() + " ")
    with pytest.raises(CheckpointError, match="choose another --out"):
        calibrate(fdp(folder), task, replace(REQUEST, out=tmp_path / "out"))


def test_a_guard_chooses_no_other_weights(task):
    plain, guarded = (PolicySpec("fdp", "prop", options=options) for options in ({}, {"guard": "on"}))

    assert FactorizedDiffusionPolicy.resolve(plain, task).options == {}
    assert str(FactorizedDiffusionPolicy.resolve(guarded, task)) == "fdp:prop>vision?guard=on"
    off = replace(guarded, options={"guard": "off"})
    assert FactorizedDiffusionPolicy.resolve(off, task) == FactorizedDiffusionPolicy.resolve(plain, task)


def test_training_a_guarded_policy_is_training_the_plain_one_and_its_base(
    make_job, task, tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(
        "fdp_policies.training.settings.fit_from_settings",
        lambda spec, task, data, out, settings: made.append(str(spec)) or out / "x.safetensors",
    )
    JointDiffusionPolicy.fit(
        PolicySpec("dp-dit", options={"guard": "base:prop"}), task, tmp_path, tmp_path, {}
    )
    FactorizedDiffusionPolicy.fit(
        PolicySpec("fdp", "prop>vision", options={"guard": "on"}), task, tmp_path, tmp_path, {}
    )

    assert made == ["dp-dit?guard=base:prop", "base:prop", "fdp:prop>vision?guard=on"]


@pytest.mark.parametrize(
    ("name", "order", "value", "message"),
    [
        ("fdp", "prop>vision", "yes", "guard=yes of policy 'fdp' is not known"),
        ("fdp", "prop>vision", "base:prop", "guard=base:prop of policy 'fdp' is not known"),
        ("dp-dit", "", "on", "names no base to fall back to; write guard=base:prop"),
        ("dp-dit", "", "base:", "names no base to fall back to; write guard=base:prop"),
        ("dp-unet", "", "base:prop+vision", "leave others to be watched; write guard=base:prop"),
        ("dp-dit", "", "base:visoin", "did you mean 'vision'"),
        ("base", "prop", "on", "policy 'base' has no option 'guard'"),
        ("bc", "", "base:prop", "policy 'bc' has no option 'guard'"),
    ],
)
def test_guards_that_cannot_be_are_refused_in_one_line(task, name, order, value, message):
    with pytest.raises(SpecError, match=message) as refused:
        guard_option(PolicySpec(name, order, options={"guard": value}), task)
    assert "\n" not in str(refused.value)


def test_a_blind_residual_has_nothing_to_watch(task):
    with pytest.raises(SpecError, match="residual=blind reads no secondary sense that guard=on could watch"):
        guard_option(PolicySpec("fdp", "prop>vision", options={"guard": "on", "residual": "blind"}), task)


def test_a_policy_without_a_guard_to_calibrate_says_how_to_name_one(folder, task):
    spec = joint(folder, guard="off")
    with pytest.raises(SpecError, match=r"name its base, for instance 'dp-dit@.*\?guard=base:prop'"):
        calibrate(spec, task)


def test_a_missing_base_is_named_with_the_command_that_trains_it(folder, task):
    (folder / "base-prop.safetensors").unlink()

    info = JointDiffusionPolicy.weights(joint(folder), task)

    assert (info.available, info.needs_calibration) == (False, False)
    assert (
        f'fdp-bench train --policy "base:prop" --task {task.task_id} --data FILE --out {folder}'
        in info.source
    )


def test_the_unet_takes_the_same_guard(task):
    option = guard_option(PolicySpec("dp-unet", options={"guard": "base:vision"}), task)

    assert (option.modalities, option.base.slug, option.signals) == (("prop",), "base-vision", ("distance",))
    assert issubclass(UnetDiffusionPolicy, JointDiffusionPolicy.__mro__[1])


def trained(spec, folders=()):
    kind = JointDiffusionPolicy if spec.name == "dp-dit" else FactorizedDiffusionPolicy
    return kind.trained(spec, describe("fdp_bench/Lift-v1"), "", BUNDLED, folders)


@pytest.mark.parametrize("spec", [fdp(Path()), joint(Path())], ids=["fdp", "dp-dit"])
def test_weights_are_found_by_what_made_them_whatever_guards_them(spec, tmp_path):
    bare = replace(spec, checkpoint="")
    assert trained(bare) == bare
    found = trained(replace(bare, options={}))
    assert found == replace(bare, options={})


def test_of_several_weights_those_that_are_calibrated_come_first(tmp_path):
    lift, bare = describe("fdp_bench/Lift-v1"), replace(fdp(Path()), checkpoint="")
    plain, ready = tmp_path / "plain", tmp_path / "ready"
    for folder in (plain, ready):
        folder.mkdir()
        for name in ("fdp-prop-vision", "base-prop"):
            for suffix in (".json", ".safetensors"):
                source = WEIGHTS / "Lift-v1" / f"{name}{suffix}"
                (folder / source.name).write_bytes(source.read_bytes())
    spec = replace(bare, checkpoint=str(ready / "fdp-prop-vision.safetensors"))
    place = calibration_place(spec, lift, guard_option(spec, lift))
    size = 2 * 64
    facts = {"episodes": 40, "reference_episodes": 40, "order": 39, "data_sha256": "", "warnings": []}
    facts["clean_success"] = {name: {"successes": 1, "episodes": 40} for name in ("policy", "base")}
    place.save({"mean": torch.zeros(size), "whitening": torch.eye(size), "thresholds": torch.ones(2)}, facts)

    assert trained(bare, [plain]) == bare
    assert trained(bare, [plain, ready]) == spec
    assert FactorizedDiffusionPolicy(spec, lift).n_action_steps == 8


def test_a_joint_policy_is_found_only_where_its_base_lies_beside_it(tmp_path):
    for suffix in (".json", ".safetensors"):
        source = WEIGHTS / "Lift-v1" / f"dp-dit{suffix}"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    bare = replace(joint(Path()), checkpoint="")
    card = json.loads((tmp_path / "dp-dit.json").read_text())
    card["determinants"]["training"]["seed"] = 7
    (tmp_path / "dp-dit.json").write_text(json.dumps(card))
    settings = {**BUNDLED, "seed": "7"}

    def find(spec):
        return JointDiffusionPolicy.trained(spec, describe("fdp_bench/Lift-v1"), "", settings, [tmp_path])

    assert find(bare) is None
    assert find(replace(bare, options={})) is not None

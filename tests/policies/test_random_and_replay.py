"""The two policies that learn nothing: uniform actions, and the stored actions of the nearest demonstration."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from fdp_policies import replay as replay_module
from fdp_policies.random_policy import RandomPolicy
from fdp_policies.replay import ReplayPolicy
from safetensors.numpy import load_file

from fdp_bench.api import CheckpointError, PolicySpec, SpecError
from fdp_bench.testing import check_policy
from fdp_bench.toy import TOY_TASK


def test_random_actions_are_uniform(task):
    policy = RandomPolicy(PolicySpec("random"), task)
    noise = np.random.default_rng(0).standard_normal((5000, *policy.noise_shape), dtype=np.float32)
    actions = policy.act({}, noise)
    assert actions.dtype == np.float32
    counts, _ = np.histogram(actions, bins=10, range=(-1, 1))
    assert counts.min() > 0.95 * counts.mean()


def test_random_needs_no_camera(task):
    assert RandomPolicy(PolicySpec("random"), task).modalities == ("prop",)


@pytest.mark.parametrize(
    "spec", [PolicySpec("random", "prop"), PolicySpec("random", checkpoint="w.safetensors")]
)
def test_random_refuses_what_it_would_ignore(spec, task):
    with pytest.raises(SpecError, match="takes neither an order nor weights"):
        RandomPolicy.resolve(spec, task)


def test_random_keeps_the_rules_of_a_policy():
    check_policy(RandomPolicy, TOY_TASK, spec=PolicySpec("random"))


@pytest.fixture
def stored(task, demonstrations, tmp_path, monkeypatch):
    monkeypatch.setattr("fdp_bench.demos.dataset.load_demonstrations", lambda *_, **__: demonstrations)
    return ReplayPolicy.fit(PolicySpec("replay"), task, tmp_path / "data", tmp_path, {"num_demos": "100"})


@pytest.fixture
def policy(stored, task):
    return ReplayPolicy(PolicySpec("replay", checkpoint=str(stored)), task)


def beginning(demo):
    return {
        "prop": demo.prop[None, [0, 0]],
        "image.agentview": demo.images["image.agentview"][None, [0, 0]],
    }


def test_a_beginning_that_was_stored_gets_its_own_actions_and_then_the_last_one(policy, task, demonstrations):
    for index in (0, 17, 99):
        demo = demonstrations.demos[index]
        actions = policy.act(beginning(demo), np.zeros((1,), np.float32))[0]
        assert actions.shape == (task.horizon, 2)
        np.testing.assert_array_equal(actions[: len(demo)], demo.actions)
        assert (actions[len(demo) :] == demo.actions[-1]).all()


def test_both_senses_decide_who_is_nearest(policy, demonstrations):
    first, second = demonstrations.demos[3], demonstrations.demos[8]
    mixed = beginning(first) | {"image.agentview": beginning(second)["image.agentview"]}
    actions = policy.act(mixed, np.zeros((1,), np.float32))[0]
    assert not np.array_equal(actions[:12], first.actions) or not np.array_equal(actions[:12], second.actions)


def test_the_chunk_lasts_the_whole_episode(policy, task):
    assert policy.n_action_steps == task.horizon


def test_held_out_demonstrations_are_not_stored(policy, demonstrations):
    assert len(policy._chunks) == len(demonstrations.train)


def test_each_row_is_answered_by_itself(policy, demonstrations):
    rows = [beginning(demonstrations.demos[index]) for index in (1, 2, 3)]
    joint = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    together = policy.act(joint, np.zeros((3,), np.float32))
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(policy.act(row, np.zeros((1,), np.float32))[0], together[index])


def test_missing_damaged_and_foreign_files_are_refused(stored, task, tmp_path):
    def load(path, of=task):
        return ReplayPolicy(PolicySpec("replay", checkpoint=str(path)), of)

    with pytest.raises(CheckpointError, match=r"fdp-bench train --policy replay"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match=r"not a \.safetensors"):
        load(tmp_path / "x.pkl")
    with pytest.raises(CheckpointError, match="made from fdp_bench/Lift-v1"):
        load(stored, replace(task, task_id="fdp_bench/LiftWide-v1"))
    stored.write_bytes(stored.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="damaged"):
        load(stored)
    assert not ReplayPolicy.weights(PolicySpec("replay", checkpoint=str(stored)), task).available


def test_weights_are_described(stored, task):
    found = ReplayPolicy.weights(PolicySpec("replay", checkpoint=str(stored)), task)
    assert found.available
    assert found.card["train_demos"] == 100
    assert found.files == (stored,)


def test_a_frame_is_averaged_over_all_its_pixels():
    frame = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    features = replay_module._features("image.x", frame).reshape(12, 12, 3)
    np.testing.assert_allclose(features[0, 0], frame[:2, :3].mean((0, 1)) / 255, rtol=1e-5)
    np.testing.assert_allclose(features.mean(), frame.mean() / 255, rtol=1e-5)


@pytest.mark.parametrize(
    "card", ["[" * 100_000, "[]", '"replay"', '{"policy": 3}', '{"policy": "replay", "train_demos": NaN}']
)
def test_a_card_that_is_none_is_one_error(stored, task, card):
    stored.with_suffix(".json").write_text(card)
    with pytest.raises(CheckpointError, match=r"card of .* is missing or malformed"):
        ReplayPolicy(PolicySpec("replay", checkpoint=str(stored)), task)


def rewritten(stored, change):
    """The stored demonstrations with some tensors changed, and a card that vouches for them."""
    tensors = {name: values.copy() for name, values in load_file(stored).items()}
    change(tensors)
    card = json.loads(stored.with_suffix(".json").read_text())
    replay_module._store(stored, tensors, card)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("lengths"), "'lengths' has shape None"),
        (lambda tensors: tensors.pop("scale.prop"), "'scale.prop' has shape None"),
        (lambda tensors: tensors.update(extra=np.ones(3)), "'extra' has shape"),
        (lambda tensors: tensors.update(prop=tensors["prop"][:, :1]), "'prop' has shape"),
        (lambda tensors: tensors.update(actions=tensors["actions"][:0]), "not made for this task"),
        (lambda tensors: tensors["lengths"].fill(0), "lengths that it does not hold"),
        (lambda tensors: tensors["lengths"].fill(10**6), "lengths that it does not hold"),
        (lambda tensors: tensors["actions"].fill(np.nan), "'actions' holds no numbers"),
        (lambda tensors: tensors["scale.prop"].fill(0.0), "'scale.prop' is not above 0"),
        (lambda tensors: tensors["scale.prop"].fill(-1.0), "'scale.prop' is not above 0"),
        (
            lambda tensors: tensors.update(actions=tensors["actions"].astype(int)),
            "'actions' holds no numbers",
        ),
    ],
)
def test_numbers_that_do_not_fit_the_task_are_refused(stored, task, change, message):
    rewritten(stored, change)
    with pytest.raises(CheckpointError, match=message):
        ReplayPolicy(PolicySpec("replay", checkpoint=str(stored)), task)


def test_a_pickle_is_refused_whatever_its_name(stored, task):
    payload = b"\x80\x04K\x01."
    stored.write_bytes(payload)
    card = json.loads(stored.with_suffix(".json").read_text())
    stored.with_suffix(".json").write_text(
        json.dumps({**card, "weights_sha256": hashlib.sha256(payload).hexdigest()})
    )
    with pytest.raises(CheckpointError, match="cannot be read"):
        ReplayPolicy(PolicySpec("replay", checkpoint=str(stored)), task)

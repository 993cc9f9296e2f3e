"""Policies that read touch: every order over every subset of the senses parses, trains and runs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.diagnosis.losses import losses_on
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.training.data import fit_normalizer
from fdp_policies.training.fit import fit

from fdp_bench.api import CheckpointError, DatasetError, PolicySpec, SpecError

KINDS = {"fdp": FactorizedDiffusionPolicy, "base": BaseDiffusionPolicy, "dp-dit": JointDiffusionPolicy}
SENSES = ("prop", "vision", "tactile")
SIZE = 6


def orders():
    """Each way to put senses on either side of ``>``."""
    for count in (2, 3):
        for chosen in combinations(SENSES, count):
            for first in range(1, count):
                for prioritized in combinations(chosen, first):
                    rest = [name for name in chosen if name not in prioritized]
                    yield f"{'+'.join(prioritized)}>{'+'.join(rest)}"


@pytest.fixture(scope="session")
def touch_task(task):
    return replace(
        task,
        modalities={**task.modalities, "tactile": ("tactile",)},
        observation_shapes={**task.observation_shapes, "tactile": (SIZE,)},
        default_modalities=("prop", "vision"),
    )


@pytest.fixture(scope="session")
def touching(demonstrations):
    """Demonstrations whose touch is the action and noise."""

    def touch(demo):
        rng = np.random.default_rng(len(demo.name))
        noise = rng.normal(0, 0.1, (len(demo), SIZE - 2))
        return np.concatenate([demo.actions, noise], axis=1).astype(np.float32)

    demos = tuple(replace(demo, tactile=touch(demo)) for demo in demonstrations.demos[:24])
    return replace(
        demonstrations, demos=demos, train=tuple(d.name for d in demos[:20]), valid=("demo_20", "demo_21")
    )


@pytest.fixture
def touch_job(make_job, touch_task, touching, network):
    def make(spec, **recipe):
        plain = make_job("base", "prop", steps=4, **recipe)
        architecture = replace(architecture_of(spec, touch_task), network=network)
        return replace(plain, architecture=architecture, task=touch_task, demonstrations=touching)

    return make


def parse(text):
    head, _, option = text.partition("?modalities=")
    name, _, order = head.partition(":")
    return PolicySpec(name, order, options={"modalities": option} if option else {})


def seen(task, rows):
    rng = np.random.default_rng(0)
    return {
        "prop": rng.uniform(0, 1, (rows, 2, 3)).astype(np.float32),
        "tactile": rng.uniform(-1, 1, (rows, 2, SIZE)).astype(np.float32),
        "image.agentview": rng.integers(0, 256, (rows, 2, 20, 20, 3), dtype=np.uint8),
    }


@pytest.mark.parametrize(
    "text",
    [
        *(f"fdp:{order}" for order in orders()),
        "base:tactile",
        "base:prop+tactile",
        "dp-dit?modalities=tactile",
        "dp-dit?modalities=prop+vision+tactile",
    ],
)
def test_any_order_over_any_senses_trains_and_runs(text, touch_job, touch_task):
    path = fit(touch_job(parse(text)))

    spec = replace(parse(text), checkpoint=str(path))
    kind = KINDS[spec.name]
    policy = kind(kind.resolve(spec, touch_task), touch_task)
    named = {name for name in SENSES if name in text}
    assert {*policy.modalities} == named == {*Checkpoint.open(path).card["modalities"]}
    keys = {key for name in named for key in touch_task.modalities[name]}
    observation = {key: value for key, value in seen(touch_task, 2).items() if key in keys}
    noise = np.zeros((2, *policy.noise_shape), np.float32)
    actions = policy.act(observation, noise)
    assert actions.shape == (2, policy.n_action_steps, 2)
    for key in keys:
        moved = policy.act({**observation, key: observation[key][::-1].copy()}, noise)
        # A residual begins at zero: four steps need not have woken it.
        assert text.startswith("fdp") or not np.array_equal(moved, actions)


def test_policies_read_prop_and_vision_unless_they_are_told_otherwise(touch_task):
    assert architecture_of(PolicySpec("dp-dit"), touch_task).modalities == ("prop", "vision")
    assert str(architecture_of(PolicySpec("dp-dit"), touch_task)) == "dp-dit"
    assert architecture_of(PolicySpec("fdp", "prop"), touch_task).modalities == ("prop", "vision")


def test_a_task_that_states_no_usual_senses_is_read_with_all(touch_task):
    plain = replace(touch_task, default_modalities=())

    assert architecture_of(PolicySpec("dp-dit"), plain).modalities == SENSES


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        ("dp-dit?modalities=vision+prop", "dp-dit"),
        ("dp-dit?modalities=tactile+prop", "dp-dit?modalities=prop+tactile"),
        ("fdp:vision+prop>tactile", "fdp:prop+vision>tactile"),
        ("base:tactile+prop", "base:prop+tactile"),
    ],
)
def test_spellings_of_one_policy_resolve_to_one(asked, resolved, touch_task):
    spec = parse(asked)

    assert str(KINDS[spec.name].resolve(spec, touch_task)) == resolved


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("prop+smell", "names unknown modality 'smell'"),
        ("prop+prop", "names 'prop' twice"),
        ("prop>tactile", "write modalities=prop+tactile"),
    ],
)
def test_senses_that_mean_nothing_are_refused_in_one_line(options, said, touch_task):
    with pytest.raises(SpecError) as caught:
        architecture_of(PolicySpec("dp-dit", options={"modalities": options}), touch_task)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_say_what_they_read_and_refuse_other_senses(touch_job, touch_task):
    path = fit(touch_job(parse("dp-dit?modalities=prop+tactile")))

    with pytest.raises(CheckpointError) as caught:
        JointDiffusionPolicy(PolicySpec("dp-dit", checkpoint=str(path)), touch_task)
    assert "which reads prop, tactile, not dp-dit" in str(caught.value)
    assert f"write dp-dit@{path}?modalities=prop+tactile" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_refuse_a_sense_of_another_size(touch_job, touch_task):
    path = fit(touch_job(parse("base:tactile")))
    other = replace(touch_task, observation_shapes={**touch_task.observation_shapes, "tactile": (SIZE + 1,)})

    with pytest.raises(CheckpointError, match=r"reads 'tactile' of shape \(6,\), and .* offers \(7,\)"):
        BaseDiffusionPolicy(PolicySpec("base", "tactile", str(path)), other)


def test_demonstrations_without_touch_are_refused_with_how_to_record_it(touch_job, demonstrations):
    job = replace(touch_job(parse("base:tactile")), demonstrations=demonstrations)

    with pytest.raises(DatasetError) as caught:
        fit(job)
    assert "hold no 'tactile', only prop, image.agentview" in str(caught.value)
    assert "fdp-bench demos --task Lift --out FILE" in str(caught.value)
    assert not any(job.out.iterdir())


def test_a_diagnosis_on_demonstrations_without_touch_is_refused(touch_job, touch_task, demonstrations):
    job = touch_job(parse("base:tactile"))
    checkpoint = Checkpoint.open(fit(job))

    with pytest.raises(DatasetError, match="hold no 'tactile'"):
        losses_on(checkpoint, load_denoiser(checkpoint, "cpu"), job.architecture, touch_task, demonstrations)


def test_a_policy_without_touch_is_the_same_from_demonstrations_with_touch(touch_job, touching, tmp_path):
    plain = replace(touching, demos=tuple(replace(demo, tactile=None) for demo in touching.demos))
    job = touch_job(parse("fdp:prop>vision"))
    with_touch = Checkpoint.open(fit(replace(job, out=tmp_path / "with")))
    without = Checkpoint.open(fit(replace(job, out=tmp_path / "without", demonstrations=plain)))

    assert with_touch.sha256 == without.sha256
    assert with_touch.card["normalizer"] == without.card["normalizer"]


def test_touch_is_normalized_to_its_range(touching):
    found = fit_normalizer(touching.demos, ("prop", "tactile")).keys["tactile"]

    values = np.concatenate([demo.tactile for demo in touching.demos])
    np.testing.assert_allclose(found.low, values.min(0), rtol=1e-5)
    np.testing.assert_allclose(found.high, values.max(0), rtol=1e-5)

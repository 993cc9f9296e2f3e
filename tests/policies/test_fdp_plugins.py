import numpy as np
import pytest
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.checkpoints.policy_spec import architecture_of, sampler_of
from fdp_policies.config import RECIPES
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.training.fit import fit
from fdp_policies.training.settings import training_config

from fdp_bench.api import CheckpointError, PolicySpec, SpecError


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def fdp(make_job, stored):
    return fit(make_job("fdp", "prop>vision", out=stored))


def observe(task, rows):
    rng = np.random.default_rng(0)
    return {
        "prop": rng.uniform(0, 1, (rows, 2, 3)).astype(np.float32),
        "image.agentview": rng.integers(0, 256, (rows, 2, 20, 20, 3), dtype=np.uint8),
    }


def load(fdp, task, **options):
    spec = PolicySpec("fdp", "prop>vision", str(fdp), options)
    return FactorizedDiffusionPolicy(spec, task)


@pytest.mark.parametrize("options", [{}, {"sampler": "ddpm", "denoising_steps": "12"}])
def test_actions_have_the_documented_shape_dtype_and_range(fdp, task, options):
    policy = load(fdp, task, **options)
    noise = np.random.default_rng(1).standard_normal((6, *policy.noise_shape)).astype(np.float32)
    actions = policy.act(observe(task, 6), noise)
    assert actions.shape == (6, policy.n_action_steps, 2)
    assert actions.dtype == np.float32
    assert np.abs(actions).max() <= 1.0


def test_sampler_decides_how_much_noise_is_consumed(fdp, task):
    assert load(fdp, task).noise_shape == (1, 4, 2)
    assert load(fdp, task, sampler="ddpm").noise_shape == (100, 4, 2)


def test_actions_do_not_depend_on_who_shares_the_batch(fdp, task):
    policy, rows = load(fdp, task), 6
    observation = observe(task, rows)
    noise = np.random.default_rng(1).standard_normal((rows, *policy.noise_shape)).astype(np.float32)
    actions = policy.act(observation, noise)
    order = np.array([3, 0, 5, 1, 4, 2])
    turned = policy.act({key: value[order] for key, value in observation.items()}, noise[order])
    assert np.array_equal(turned, actions[order])
    only = policy.act({key: value[[2] * rows] for key, value in observation.items()}, noise[[2] * rows])
    assert np.array_equal(only[0], actions[2])


def test_noise_changes_the_actions(fdp, task):
    policy = load(fdp, task)
    noise = np.random.default_rng(1).standard_normal((2, *policy.noise_shape)).astype(np.float32)
    assert not np.array_equal(policy.act(observe(task, 2), noise), policy.act(observe(task, 2), -noise))


def test_weights_are_described_by_source_and_hash(fdp, task):
    info = FactorizedDiffusionPolicy.weights(PolicySpec("fdp", "prop>vision", str(fdp)), task)
    assert info.available
    assert info.source == str(fdp)
    assert len(info.sha256) == 64


def test_missing_weights_name_the_training_command(task):
    info = FactorizedDiffusionPolicy.weights(
        PolicySpec("fdp", "prop>vision", options={"encoder": "vit"}), task
    )
    assert not info.available
    assert 'fdp-bench train --policy "fdp:prop>vision?encoder=vit" --task fdp_bench/Lift-v1' in info.source


def test_weights_of_another_order_are_refused(fdp, task):
    with pytest.raises(
        CheckpointError, match="holds fdp:prop>vision, which reads prop, vision, not fdp:vision>prop"
    ):
        FactorizedDiffusionPolicy(PolicySpec("fdp", "vision>prop", str(fdp)), task)


def test_weights_of_another_task_are_refused(fdp, task):
    from dataclasses import replace

    with pytest.raises(CheckpointError, match="trained on fdp_bench/Lift-v1, not fdp_bench/LiftWide-v1"):
        load(fdp, replace(task, task_id="fdp_bench/LiftWide-v1"))


@pytest.mark.parametrize(
    ("name", "order", "options", "message"),
    [
        ("fdp", "", {}, "needs an order"),
        ("fdp", "prop>", {}, "prop>"),
        ("fdp", "vision>vision", {}, "twice"),
        ("fdp", "prop>visoin", {}, "did you mean 'vision'"),
        ("dp-dit", "prop>vision", {}, "takes no order"),
        ("base", "", {}, "needs the modalities"),
        ("base", "prop>vision", {}, "prioritized senses alone"),
        ("fdp", "prop>vision", {"compositoin": "score"}, "did you mean 'composition'"),
        ("fdp", "prop>vision", {"composition": "scores"}, "did you mean 'score'"),
        ("dp-dit", "", {"encoder": "cnnn"}, "did you mean 'cnn'"),
    ],
)
def test_what_cannot_be_understood_is_said_in_one_line(task, name, order, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        architecture_of(PolicySpec(name, order, options=options), task)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"sampler": "ddmp"}, {"denoising_steps": "none"}, {"denoising_steps": "0"}]
)
def test_bad_sampler_options_are_refused(options):
    with pytest.raises(SpecError):
        sampler_of(PolicySpec("dp-dit", options=options))


def test_lone_sense_implies_the_other(task):
    assert architecture_of(PolicySpec("fdp", "prop"), task) == architecture_of(
        PolicySpec("fdp", "prop>vision"), task
    )


def test_slugs_tell_architectures_apart(task):
    specs = [
        PolicySpec("dp-dit"),
        PolicySpec("dp-dit", options={"encoder": "vit"}),
        PolicySpec("base", "prop"),
        PolicySpec("base", "vision"),
        PolicySpec("fdp", "prop>vision"),
        PolicySpec("fdp", "vision>prop"),
        PolicySpec("fdp", "prop>vision", options={"composition": "score"}),
    ]
    assert len({architecture_of(spec, task).slug for spec in specs}) == len(specs)


def test_listed_orders_are_understood(task):
    for policy in (FactorizedDiffusionPolicy, JointDiffusionPolicy, BaseDiffusionPolicy):
        name = {FactorizedDiffusionPolicy: "fdp", JointDiffusionPolicy: "dp-dit"}.get(policy, "base")
        for order in policy.orders(task):
            architecture_of(PolicySpec(name, order), task)


def test_recipes_and_settings_resolve():
    assert training_config({"recipe": "paper"}).loss_weight == "plain"
    assert training_config({"recipe": "paper", "noise_draws": "3"}).noise_draws == 3
    for recipe in RECIPES:
        training_config({"recipe": recipe})


@pytest.mark.parametrize(
    "settings",
    [
        {"recipe": "papr"},
        {"lerning_rate": "1"},
        {"steps": "many"},
        {"num_demos": "0"},
        {"freeze_base": "maybe"},
    ],
)
def test_bad_training_settings_are_refused(settings):
    with pytest.raises(SpecError):
        training_config(settings)

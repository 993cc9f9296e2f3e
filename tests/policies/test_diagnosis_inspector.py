"""What an inspector measures, on untrained and hand-edited networks."""

import numpy as np
import pytest
import torch
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.config import DiffusionConfig, SamplerConfig
from fdp_policies.diagnosis.tracing import joint_names, trace_contribution
from fdp_policies.diffusion import NoiseSchedule, Sampler
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser

from fdp_bench.api import PolicySpec
from fdp_bench.tasks import describe

LIFT = "fdp_bench/Lift-v1"


@pytest.fixture(scope="module")
def lift():
    return describe(LIFT)


@pytest.fixture(scope="module")
def seen(lift):
    rng = np.random.default_rng(0)
    observation = {
        key: rng.integers(0, 256, (3, 2, *shape), dtype=np.uint8)
        if key.startswith("image.")
        else rng.uniform(-0.5, 0.5, (3, 2, *shape)).astype(np.float32)
        for key, shape in lift.observation_shapes.items()
    }
    return observation, rng.standard_normal((3, 1, 8, 7), dtype=np.float32)


@pytest.fixture(scope="module")
def inspector(lift):
    return FactorizedDiffusionPolicy.diagnose(PolicySpec("fdp", "prop>vision"), lift)


def composed(task, network, composition="block"):
    torch.manual_seed(0)
    shapes = task.observation_shapes
    base = DiffusionTransformer({"prop": shapes["prop"]}, task.action_dim, network)
    whole = FactorizedDenoiser(base, shapes, task.action_dim, network, composition=composition)
    for parameter in whole.parameters():
        # Zeros everywhere would make each ratio 0 over 0.
        torch.nn.init.normal_(parameter, std=0.2)
    return whole


def traced(whole, network, *, batch=5):
    generator = torch.Generator().manual_seed(1)
    codes = tuple(torch.randn(batch, network.width, generator=generator) for _ in range(2))
    sampler = Sampler(SamplerConfig(denoising_steps=3), NoiseSchedule(DiffusionConfig()))
    noise = torch.randn(batch, 1, network.horizon, 2, generator=generator)
    return trace_contribution(whole, sampler, codes, noise), codes, noise


def test_unaltered_inspector_acts_as_the_policy_does(inspector, lift, seen):
    policy = FactorizedDiffusionPolicy(PolicySpec("fdp", "prop>vision"), lift)

    np.testing.assert_allclose(inspector.act(*seen), policy.act(*seen), atol=1e-4)
    assert (inspector.noise_shape, inspector.n_obs_steps, inspector.n_action_steps) == (
        policy.noise_shape,
        policy.n_obs_steps,
        policy.n_action_steps,
    )


def test_base_alone_acts_as_the_base_policy_does(inspector, lift, seen):
    base = BaseDiffusionPolicy(PolicySpec("base", "prop"), lift)

    np.testing.assert_allclose(inspector.act(*seen, base_only=True), base.act(*seen), atol=1e-4)


def test_masked_vision_is_mid_grey(inspector, seen):
    observation, noise = seen
    grey = {k: np.full_like(v, 128) if k.startswith("image.") else v for k, v in observation.items()}

    masked = inspector.act(observation, noise, masked=("vision",))

    # 127.5, the middle of the range, is no uint8: a neighbour comes close.
    np.testing.assert_allclose(masked, inspector.act(grey, noise), atol=0.02)
    assert np.abs(masked - inspector.act(observation, noise)).max() > 0.05


def test_masked_sense_has_no_say(inspector, seen):
    observation, noise = seen
    other = observation | {"prop": observation["prop"] + 0.3}

    np.testing.assert_array_equal(
        inspector.act(observation, noise, masked=("prop",)), inspector.act(other, noise, masked=("prop",))
    )


def test_base_is_traced_to_the_hash_it_was_frozen_with(inspector):
    facts = inspector.weight_facts()

    assert facts.base_sha256 == facts.frozen_base_sha256 != ""
    assert list(facts.joint_norms) == ["embedding", *(f"block {n}" for n in range(1, 5))]
    assert min(facts.joint_norms.values()) > 0.1


def test_recorded_losses_are_those_of_the_cards(inspector):
    losses = inspector.recorded_losses()

    assert losses.whole == inspector.checkpoint.card["heldout_loss"]
    assert losses.base == inspector.checkpoint.base.card["heldout_loss"] == losses.base_history[-1][1]


def test_joint_policy_has_no_residual_to_speak_of(lift, seen):
    inspector = JointDiffusionPolicy.diagnose(PolicySpec("dp-dit"), lift)

    assert inspector.secondary == ()
    assert inspector.contribution(*seen) is None
    assert inspector.weight_facts() is None
    assert inspector.recorded_losses().base is None


def test_traced_ratios_are_those_of_the_formula(task, network):
    whole = composed(task, network)
    contribution, codes, noise = traced(whole, network)
    step = torch.full((5,), contribution.steps[0])
    base, residual = whole.base.trunk, whole.residual.trunk
    with torch.no_grad():
        condition, other = base.condition(step, codes[0]), residual.condition(step, codes[1])
        tokens, own = base.embed(noise[:, 0]), residual.embed(noise[:, 0])
        expected = [float((whole.zero_layers[0](own)).norm() / tokens.norm())]
        tokens = tokens + whole.zero_layers[0](own)
        for number in range(network.depth):
            own = residual.blocks[number](own, other)
            tokens, added = base.blocks[number](tokens, condition), whole.zero_layers[number + 1](own)
            expected.append(float(added.norm() / tokens.norm()))
            tokens = tokens + added
        alone = base(noise[:, 0], step, codes[0])
        change = float((base.head(tokens, condition) - alone).norm() / alone.norm())

    assert contribution.joints == joint_names(whole) == ("embedding", "block 1", "block 2")
    np.testing.assert_allclose(contribution.streams[0], expected, rtol=1e-3)
    np.testing.assert_allclose(contribution.noise[0], change, rtol=1e-3)


def test_silent_residual_adds_nothing(task, network):
    whole = composed(task, network)
    for layer in whole.zero_layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)

    contribution, _, _ = traced(whole, network)

    assert not contribution.streams.any()
    assert not contribution.noise.any()


def test_summed_scores_have_no_joints(task, network):
    contribution, _, _ = traced(composed(task, network, "score"), network)

    assert contribution.joints == ()
    assert contribution.streams.shape == (3, 0)
    assert (contribution.noise > 0).all()


def test_tracing_leaves_no_hooks_behind(task, network):
    whole = composed(task, network)

    traced(whole, network)

    assert not any(module._forward_hooks or module._forward_pre_hooks for module in whole.modules())

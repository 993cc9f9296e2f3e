"""FDP on U-Nets: the composition is its base until trained, the base stays frozen, and all else works as on the DiT."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.checkpoints.checkpoint import Checkpoint, state_sha256
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.config import NetworkConfig
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.networks.backbones import make_factorized, make_single
from fdp_policies.training.fit import fit
from toy_inputs import observe

from fdp_bench.api import PolicySpec, SpecError

NETWORK = NetworkConfig(
    backbone="unet", horizon=4, n_action_steps=4, width=32, feature_dim=16, crop_size=16, heads=2
)
SHAPES = {"prop": (3,), "image.agentview": (20, 20, 3)}


def make(composition, **settings):
    torch.manual_seed(0)
    base = make_single({"prop": (3,)}, 2, NETWORK).requires_grad_(False)
    return make_factorized(base, SHAPES, 2, NETWORK, composition=composition, **settings)


def given(rows=5):
    torch.manual_seed(1)
    observation = {"prop": torch.randn(rows, 2, 3), "image.agentview": torch.randn(rows, 6, 16, 16)}
    return observation, torch.randn(rows, 4, 2), torch.randint(100, (rows,))


def predict(network, observation, actions, step):
    return network.predict_noise(actions, step, network.encode(observation))


@pytest.mark.parametrize("composition", ["block", "score"])
def test_before_training_the_composition_is_the_base_bit_for_bit(composition):
    network = make(composition)
    assert torch.equal(predict(network, *given()), predict(network.base, *given()))
    assert not torch.equal(
        predict(make(composition, zero_init=False), *given()), predict(network.base, *given())
    )


@pytest.mark.parametrize("composition", ["block", "score"])
def test_gradients_reach_every_joint_at_once_and_every_weight_after_a_step_but_never_the_base(composition):
    network = make(composition)
    predict(network, *given()).square().sum().backward()
    joints = list(network.zero_layers) if composition == "block" else [network.residual.trunk.head[-1]]
    assert all(parameter.grad.abs().max() > 0 for joint in joints for parameter in joint.parameters())
    with torch.no_grad():
        for joint in joints:
            for parameter in joint.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    predict(network, *given()).square().sum().backward()
    idle = [name for name, p in network.residual.named_parameters() if p.grad is None or not p.grad.any()]
    # A spatial softmax looks at differences alone.
    assert all(name.endswith("convolutions.4.bias") for name in idle)
    assert all(parameter.grad is None for parameter in network.base.parameters())


def test_there_is_one_joint_a_stage():
    network = make("block")
    assert [layer.in_channels for layer in network.zero_layers] == [16, 32, 32, 16]
    assert all(layer.kernel_size == (1,) for layer in network.zero_layers)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def trained(make_job, stored):
    job = make_job("fdp", "prop>vision", out=stored, steps=20, batch_size=8, plateau_min_steps=5)
    return Checkpoint.open(fit(replace(job, architecture=replace(job.architecture, network=NETWORK))))


def test_training_moves_the_residual_and_leaves_the_base(trained):
    assert trained.card["policy"] == "fdp:prop>vision?backbone=unet"
    assert trained.path.name == "fdp-prop-vision-unet.safetensors"
    assert trained.base.path.name == "base-prop-unet.safetensors"
    tensors = trained.tensors()
    assert all(tensors[f"zero_layers.{index}.weight"].abs().max() > 0 for index in range(4))
    frozen = trained.card["base"]["frozen_state_sha256"]
    assert state_sha256(load_denoiser(trained, "cpu").base.state_dict()) == frozen


@pytest.fixture
def policy(trained, task):
    spec = PolicySpec("fdp", "prop>vision", str(trained.path), {"backbone": "unet"})
    return FactorizedDiffusionPolicy(spec, task)


def test_it_acts_as_the_plain_composition_and_rows_do_not_know_each_other(policy):
    observation = observe(8)
    noise = np.random.default_rng(1).standard_normal((8, *policy.noise_shape)).astype(np.float32)
    actions = policy.act(observation, noise)
    np.testing.assert_allclose(actions, policy._sampler.act_plainly(observation, noise), atol=1e-3)
    turned = policy.act(
        {key: np.roll(value, 3, 0) for key, value in observation.items()}, np.roll(noise, 3, 0)
    )
    assert np.array_equal(turned, np.roll(actions, 3, 0))


def test_diagnosis_measures_what_each_joint_adds(trained, task):
    spec = PolicySpec("fdp", "prop>vision", str(trained.path), {"backbone": "unet"})
    inspector = FactorizedDiffusionPolicy.diagnose(spec, task)
    noise = np.random.default_rng(1).standard_normal((2, *inspector.noise_shape)).astype(np.float32)
    found = inspector.contribution(observe(2), noise)
    assert found.joints == ("stage 1", "stage 2", "stage 3", "stage 4")
    assert (found.streams > 0).all()
    assert set(inspector.weight_facts().joint_norms) == set(found.joints)
    base = inspector.act(observe(2), noise, base_only=True)
    assert not np.array_equal(base, inspector.act(observe(2), noise))


def test_the_spec_chooses_it_and_a_wrong_backbone_is_refused(task):
    found = architecture_of(PolicySpec("fdp", "prop>vision", options={"backbone": "unet"}), task)
    assert found.base().network.backbone == "unet"
    plain = architecture_of(PolicySpec("fdp", "prop>vision", options={"backbone": "dit"}), task)
    assert str(plain) == "fdp:prop>vision"
    with pytest.raises(SpecError, match="did you mean 'unet'"):
        architecture_of(PolicySpec("fdp", "prop>vision", options={"backbone": "unett"}), task)
    with pytest.raises(SpecError, match="no depth"):
        architecture_of(PolicySpec("base", "prop", options={"backbone": "unet", "depth": "2"}), task)

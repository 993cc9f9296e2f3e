"""The U-Net of Diffusion Policy: its shapes, what reaches it, and that it differs from DP-DiT in nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fdp_policies.checkpoints.checkpoint import Checkpoint
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.config import NetworkConfig
from fdp_policies.dp_unet import UnetDiffusionPolicy
from fdp_policies.networks.backbones import make_single
from fdp_policies.networks.unet import ConditionalUnet
from fdp_policies.training.fit import fit
from rounding import assert_equal_to_rounding, exactly
from toy_inputs import draw, observe

from fdp_bench.api import PolicySpec, SpecError

SHAPES = {"prop": (16,), "image.agentview": (84, 84, 3), "image.wrist": (84, 84, 3)}
UNET = NetworkConfig(backbone="unet")


@pytest.fixture
def trunk():
    torch.manual_seed(0)
    return ConditionalUnet(7, UNET).requires_grad_(False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def checkpoint(make_job, network, stored):
    job = make_job("dp-unet", out=stored, steps=10, batch_size=8)
    network = replace(network, backbone="unet")
    return fit(replace(job, architecture=replace(job.architecture, network=network)))


@pytest.fixture
def policy(checkpoint, task):
    return UnetDiffusionPolicy(PolicySpec("dp-unet", checkpoint=str(checkpoint)), task)


def test_it_predicts_noise_of_the_chunks_shape(trunk):
    noise = trunk(torch.randn(3, 8, 7), torch.tensor([0, 50, 99]), torch.randn(3, 128))
    assert noise.shape == (3, 8, 7)


def test_every_input_and_every_weight_reaches_the_prediction(trunk):
    torch.manual_seed(1)
    given = [torch.randn(2, 8, 7), torch.tensor([10, 60]), torch.randn(2, 128)]
    before = trunk(*given)
    for index, other in enumerate([torch.randn(2, 8, 7), torch.tensor([11, 60]), torch.randn(2, 128)]):
        changed = [other if place == index else value for place, value in enumerate(given)]
        assert not torch.equal(trunk(*changed), before)
    for name, parameter in trunk.named_parameters():
        # Group norm takes a shift of all channels alike away, so the weights move unevenly.
        kept = parameter.clone()
        parameter.add_(torch.randn(parameter.shape))
        assert not torch.equal(trunk(*given), before), name
        parameter.copy_(kept)


def test_any_action_of_the_chunk_is_heard_at_any_other(trunk):
    given = torch.randn(1, 8, 7)
    step, code = torch.tensor([50]), torch.randn(1, 128)
    for place in (0, 7):
        changed = given.clone()
        changed[0, place] += 1.0
        moved = (trunk(changed, step, code) - trunk(given, step, code)).abs().amax(-1)[0]
        assert (moved > 0).all()


def test_it_has_about_as_many_parameters_as_dp_dit_and_fits_the_package():
    counts = {
        backbone: sum(
            p.numel() for p in make_single(SHAPES, 7, NetworkConfig(backbone=backbone)).parameters()
        )
        for backbone in ("dit", "unet")
    }
    assert 0.8 < counts["unet"] / counts["dit"] < 1.25
    assert 2 * counts["unet"] < 4_000_000


def test_encoders_start_as_those_of_dp_dit_with_the_same_seed():
    made = []
    for backbone in ("dit", "unet"):
        torch.manual_seed(3)
        made.append(make_single(SHAPES, 7, NetworkConfig(backbone=backbone)).encoder.state_dict())
    assert made[0].keys() == made[1].keys()
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_training_lowers_the_heldout_loss_and_its_card_names_the_backbone(make_job, network, tmp_path):
    job = make_job("dp-unet", out=tmp_path, batch_size=16, learning_rate=2e-3)
    network = replace(network, backbone="unet")
    found = Checkpoint.open(fit(replace(job, architecture=replace(job.architecture, network=network))))
    losses = [loss for _, loss in _losses(found)]
    assert losses[-1] < 0.8 * losses[0]
    assert found.card["policy"] == "dp-unet"
    assert found.network.backbone == "unet"


def _losses(checkpoint):
    return [(row["step"], row["heldout_loss"]) for row in checkpoint.card["log"]["rows"]]


@pytest.mark.usefixtures("gentle")
def test_what_it_samples_equals_the_plain_composition(policy):
    given, sampler = (observe(4), draw(policy, 4)), policy._sampler
    fast = policy.act(*given)
    assert fast.std() > 0.05
    assert_equal_to_rounding(fast, sampler.act_plainly, exactly(sampler), given)


@pytest.mark.parametrize("rows", [6, 8])
def test_a_rows_actions_depend_neither_on_its_place_nor_on_the_other_rows(policy, rows):
    observation, noise = observe(rows), draw(policy, rows)
    actions = policy.act(observation, noise)
    for shift in range(1, rows):
        turned = policy.act(
            {key: np.roll(value, shift, 0) for key, value in observation.items()}, np.roll(noise, shift, 0)
        )
        assert np.array_equal(turned, np.roll(actions, shift, 0))
    for row in range(rows):
        alone = {key: value[[row] * rows] for key, value in observation.items()}
        quiet = np.zeros_like(noise)
        quiet[row] = noise[row]
        assert np.array_equal(policy.act(alone, quiet)[row], actions[row])


@pytest.mark.parametrize(
    ("order", "options", "message"),
    [
        ("prop>vision", {}, "takes no order"),
        ("", {"depth": "3"}, "no option .depth."),
        ("", {"width": "24"}, "multiple of 16"),
    ],
)
def test_what_it_cannot_be_is_said_in_one_line(task, order, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        architecture_of(PolicySpec("dp-unet", order, options=options), task)
    assert "\n" not in str(caught.value)


def test_a_chunk_that_cannot_be_halved_is_refused():
    with pytest.raises(SpecError, match="must be even"):
        NetworkConfig(backbone="unet", horizon=7, n_action_steps=7)

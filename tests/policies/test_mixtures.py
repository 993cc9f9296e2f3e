"""Experts that were trained apart: how their predictions are summed, and how their weights are found."""

import numpy as np
import pytest
import torch
from fdp_policies.config import NetworkConfig
from fdp_policies.networks.backbones import make_mixture, make_single
from fdp_policies.training.weighing import residual_products, weights_on_simplex
from rounding import float64

SHAPES = [{"prop": (3,)}, {"image.agentview": (20, 20, 3)}, {"prop": (3,), "tactile": (4,)}]


def network(backbone="dit"):
    return NetworkConfig(
        horizon=4,
        n_action_steps=4,
        width=32,
        depth=2,
        heads=2,
        feature_dim=16,
        crop_size=16,
        backbone=backbone,
    )


def mixture(composition, *, backbone="dit"):
    torch.manual_seed(0)
    made = make_mixture([make_single(shapes, 2, network(backbone)) for shapes in SHAPES], composition)
    # A fresh transformer's head is zero, and so would be all that it predicts.
    for parameter in made.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return made.requires_grad_(False)


def given(rows=5):
    torch.manual_seed(1)
    observation = {
        "prop": torch.randn(rows, 2, 3),
        "image.agentview": torch.randn(rows, 6, 16, 16),
        "tactile": torch.randn(rows, 2, 4),
    }
    return observation, torch.randn(rows, 4, 2), torch.randint(100, (rows,))


def predict(network, observation, actions, step):
    return network.predict_noise(actions, step, network.encode(observation))


@pytest.mark.parametrize("backbone", ["dit", "unet"])
def test_a_weighted_sum_is_the_sum_of_what_each_expert_predicts_alone(backbone):
    made = mixture("weighted", backbone=backbone)
    made.double().share.copy_(torch.tensor([1.0, 2.0, 5.0]))
    observation, actions, step = given()
    shown = {key: value.double() for key, value in observation.items()}, actions.double(), step
    with float64():
        alone = [predict(expert, *shown) for expert in made.experts]
        together = predict(made, *shown)
    torch.testing.assert_close(together, (alone[0] + 2 * alone[1] + 5 * alone[2]) / 8)
    assert all(each.std() > 0.01 for each in alone)


def test_weights_that_are_not_found_yet_are_equal():
    made = make_mixture([make_single(shapes, 2, network()) for shapes in SHAPES], "consensus")
    weights = made.encode(given()[0])[-1]
    torch.testing.assert_close(weights, torch.full((5, 3), 1 / 3))


def test_a_consensus_weighs_each_row_by_what_all_its_senses_show():
    made, (observation, _, _) = mixture("consensus"), given()
    weights = made.encode(observation)[-1]
    torch.testing.assert_close(weights.sum(-1), torch.ones(5))
    assert (weights > 0).all()
    for key, values in observation.items():
        changed = made.encode(
            {**observation, key: values + torch.eye(5)[2].view(5, *[1] * (values.dim() - 1))}
        )[-1]
        moved = (changed - weights).abs().amax(-1)
        assert moved[2] > 0, key
        assert (moved[[0, 1, 3, 4]] == 0).all()


def test_experts_are_left_out_of_what_is_stored():
    assert set(mixture("weighted").trainable_state()) == {"share"}
    assert {name.split(".")[0] for name in mixture("consensus").trainable_state()} == {"vote"}


@pytest.mark.parametrize("seed", range(8))
def test_weights_are_the_best_of_all_that_add_up_to_one(seed):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(3, 3 + seed))
    products = factor @ factor.T * 10.0 ** rng.integers(-6, 7)
    found = weights_on_simplex(products)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    others = rng.dirichlet(np.full(3, 0.7), size=20_000)
    least = np.einsum("ni,ij,nj->n", others, products, others).min()
    assert found @ products @ found <= least * (1 + 1e-9)


def test_two_experts_share_as_the_formula_says():
    products = np.array([[2.0, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(weights_on_simplex(products), [0.25, 0.75])
    # The better one alone, where the other's error holds its own and more.
    np.testing.assert_allclose(weights_on_simplex(np.array([[2.0, 1.2], [1.2, 1.0]])), [0, 1], atol=1e-12)


def test_experts_without_error_share_evenly_or_not_but_add_up():
    assert weights_on_simplex(np.zeros((2, 2))).sum() == pytest.approx(1)


def test_products_of_residuals_give_the_error_of_any_weighted_sum(make_job):
    from fdp_policies.training.fitter import Fitter

    fitter = Fitter(make_job("score-sum", "prop,vision"))
    torch.manual_seed(0)
    made = make_mixture([make_single(shapes, 2, network()) for shapes in SHAPES[:2]], "weighted")
    made.share.copy_(torch.tensor([0.3, 0.7]))
    for parameter in made.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    keys = ("prop", "image.agentview")
    loss_weight = fitter.schedule.loss_weight("min-snr", 5.0)
    products = residual_products(made.experts, fitter.held_out, keys, loss_weight)
    errors = fitter.held_out.errors(made, keys)
    wanted = np.average(errors * loss_weight[fitter.held_out.step].numpy())
    share = np.array([0.3, 0.7])
    assert share @ products @ share == pytest.approx(wanted, rel=1e-5)

import pytest
import torch
from fdp_policies.diagnosis.gaussian import GaussianWorld
from fdp_policies.diagnosis.theory import BOUND, TheoryProblem, _relative_errors, check_theorem

STEPS = (2, 30, 60, 95)


@pytest.fixture(scope="module")
def check():
    return check_theorem()


@pytest.fixture
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("power", [0.999, 0.6, 0.05])
def test_scores_are_gradients_of_the_densities_that_they_claim(power):
    world, generator = GaussianWorld(), torch.Generator().manual_seed(0)
    sample = world.draw(5, generator)
    powers = torch.full((5,), power)
    noisy = torch.randn(5, 2, generator=generator, requires_grad=True)
    # The joint Gaussian of (noisy action, secondary) given the base sense, by brute force.
    total = world.base_to_action + world.secondary_to_action @ world.base_to_secondary
    clean = world.secondary_to_action @ world.secondary_to_action.T + world.sigma**2 * torch.eye(2)
    cross = power**0.5 * world.secondary_to_action
    covariance = torch.cat(
        [
            torch.cat([power * clean + (1 - power) * torch.eye(2), cross], 1),
            torch.cat([cross.T, torch.eye(2)], 1),
        ]
    )
    mean = torch.cat([power**0.5 * sample.base @ total.T, sample.base @ world.base_to_secondary.T], 1)
    both = torch.distributions.MultivariateNormal(mean, covariance)
    action = torch.distributions.MultivariateNormal(mean[:, :2], covariance[:2, :2])
    log_both = both.log_prob(torch.cat([noisy, sample.secondary], 1)).sum()
    log_action = action.log_prob(noisy).sum()
    (joint,) = torch.autograd.grad(log_both, noisy)
    (base,) = torch.autograd.grad(log_action, noisy)
    given = (noisy.detach(), powers, sample.base)

    torch.testing.assert_close(world.joint_score(*given, sample.secondary), joint)
    torch.testing.assert_close(world.base_score(*given), base)
    torch.testing.assert_close(world.likelihood_score(*given, sample.secondary), joint - base)


def test_draws_have_the_covariance_that_the_scores_assume():
    world = GaussianWorld()
    sample = world.draw(200_000, torch.Generator().manual_seed(0))
    rest = sample.action - sample.base @ world.base_to_action.T
    rest = rest - sample.secondary @ world.secondary_to_action.T

    torch.testing.assert_close(torch.cov(rest.T), world.sigma**2 * torch.eye(2), atol=2e-3, rtol=0)
    torch.testing.assert_close(torch.cov(sample.base.T), torch.eye(2), atol=0.02, rtol=0)


def test_trained_residual_has_the_score_of_the_likelihood_and_the_sum_the_joint_one(check):
    assert check.likelihood < BOUND
    assert check.joint < BOUND
    assert check.passed


def test_untrained_residual_fails_the_bound(check):
    assert check.untrained == pytest.approx(1.0)
    assert check_theorem(gradient_steps=0).passed is False


def test_what_the_residual_mends_is_what_the_base_lacks(check):
    for level in check.levels:
        if level.noise_rate < 0.9:
            assert level.joint < 0.25 * level.base_alone


def test_residual_that_never_saw_the_true_secondary_sense_fails_the_bound():
    problem = TheoryProblem()
    problem.train(150, blind=True)
    likelihood, joint = _relative_errors(problem)

    assert likelihood > 5 * BOUND
    assert joint > 2 * BOUND


def test_check_is_the_same_every_time():
    assert check_theorem(gradient_steps=5) == check_theorem(gradient_steps=5)

import numpy as np
import pytest
import torch
from fdp_policies.config import DiffusionConfig, SamplerConfig
from fdp_policies.diffusion import NoiseSchedule, Sampler, trailing_steps

schedulers = pytest.importorskip("diffusers.schedulers")


def predicted(actions, step):
    """A stand-in for a network that depends on its inputs in a known way."""
    return torch.tanh(actions * 0.7 + 0.01 * step[:, None, None])


def oracle(kind, denoising_steps):
    scheduler = getattr(schedulers, kind)(
        num_train_timesteps=100,
        beta_schedule="squaredcos_cap_v2",
        clip_sample=True,
        prediction_type="epsilon",
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(denoising_steps)
    # Its coefficients in float64, as ours are: a sampler divides by 5e-5 first, and would amplify what float32 rounds.
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    return scheduler


@pytest.fixture
def schedule():
    return NoiseSchedule(DiffusionConfig())


def test_noise_schedule_equals_diffusers(schedule):
    expected = oracle("DDIMScheduler", 10).alphas_cumprod
    torch.testing.assert_close(schedule.alphas_cumprod, expected.float())


def test_add_noise_equals_diffusers(schedule):
    actions, noise = torch.randn(5, 4, 2), torch.randn(5, 4, 2)
    step = torch.tensor([0, 10, 50, 98, 99])
    expected = oracle("DDPMScheduler", 10).add_noise(actions, noise, step)
    torch.testing.assert_close(schedule.add_noise(actions, noise, step), expected)


@pytest.mark.parametrize("denoising_steps", [1, 7, 10, 100])
def test_visited_steps_equal_diffusers_trailing_spacing(denoising_steps):
    expected = oracle("DDIMScheduler", denoising_steps).timesteps.tolist()
    assert trailing_steps(100, denoising_steps) == expected


@pytest.mark.parametrize("denoising_steps", [5, 10, 100])
def test_ddim_equals_diffusers(schedule, denoising_steps):
    sampler = Sampler(SamplerConfig("ddim", denoising_steps), schedule)
    noise = torch.randn(3, sampler.noise_draws, 4, 2, dtype=torch.float64)
    scheduler, expected = oracle("DDIMScheduler", denoising_steps), noise[:, 0]
    for step in scheduler.timesteps:
        expected = scheduler.step(predicted(expected, step.expand(3)), step, expected).prev_sample
    torch.testing.assert_close(sampler.sample(predicted, noise), expected)


@pytest.mark.parametrize("denoising_steps", [10, 100])
def test_ddpm_equals_diffusers(schedule, denoising_steps, monkeypatch):
    sampler = Sampler(SamplerConfig("ddpm", denoising_steps), schedule)
    noise = torch.randn(3, sampler.noise_draws, 4, 2, dtype=torch.float64)
    draws = iter(noise[:, 1:].unbind(1))
    module = __import__(schedulers.DDPMScheduler.__module__, fromlist=["randn_tensor"])
    monkeypatch.setattr(module, "randn_tensor", lambda *_args, **_kwargs: next(draws, torch.zeros(3, 4, 2)))
    scheduler, expected = oracle("DDPMScheduler", denoising_steps), noise[:, 0]
    for step in scheduler.timesteps:
        expected = scheduler.step(predicted(expected, step.expand(3)), step, expected).prev_sample
    torch.testing.assert_close(sampler.sample(predicted, noise), expected)


def test_min_snr_weight_is_capped_ratio_and_plain_is_one(schedule):
    alpha = schedule.alphas_cumprod.double()
    snr = (alpha / (1 - alpha)).numpy()
    expected = np.minimum(snr, 5.0) / snr
    np.testing.assert_allclose(schedule.loss_weight("min-snr", 5.0).numpy(), expected, rtol=1e-4)
    assert (schedule.loss_weight("plain", 5.0) == 1).all()

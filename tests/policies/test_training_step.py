"""The gradient step and the batches, each against the plainest way to write them."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from fdp_policies.config import DiffusionConfig, TrainingConfig
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser
from fdp_policies.training.data import Batch, WindowDataset, fit_normalizer
from fdp_policies.training.losses import draw_noise
from fdp_policies.training.step import GradientStep
from rounding import float64
from torch import nn

KEYS = ("image.agentview", "prop")


@pytest.fixture
def windows(demonstrations, network):
    demos = demonstrations.subset(demonstrations.train[:6])
    return demos, WindowDataset(demos, fit_normalizer(demos), network, "cpu")


@pytest.fixture(params=["dp-dit", "fdp"])
def denoiser(request, task, network):
    torch.manual_seed(3)
    joint = DiffusionTransformer(task.observation_shapes, task.action_dim, network, zero_gate=False)
    if request.param == "dp-dit":
        return joint
    base = DiffusionTransformer({"prop": (3,)}, task.action_dim, network, zero_gate=False)
    nn.init.normal_(base.trunk.head.project.weight)
    composed = FactorizedDenoiser(
        base.requires_grad_(False), task.observation_shapes, task.action_dim, network
    )
    for layer in composed.zero_layers:
        nn.init.normal_(layer.weight, std=0.05)
    return composed


def plain_steps(denoiser, data, config, schedule, count):
    """What a textbook does: one tensor at a time."""
    trained = [p for p in denoiser.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=0.0, weight_decay=config.weight_decay, betas=(0.9, 0.95), foreach=False
    )
    averages = [p.detach().clone() for p in trained]
    weight = schedule.loss_weight(config.loss_weight, config.min_snr_gamma)
    losses = []
    for number in range(count):
        batch, drawn = exact_draws(data, config, schedule, number)
        terms = []
        for row in range(len(drawn.step)):
            window = row // config.noise_draws
            observation = {key: value[window : window + 1] for key, value in batch.observation.items()}
            step, noise = drawn.step[row : row + 1], drawn.noise[row : row + 1]
            alpha = schedule.alphas_cumprod[step].view(-1, 1, 1)
            noisy = alpha.sqrt() * batch.actions[window : window + 1] + (1 - alpha).sqrt() * noise
            predicted = denoiser.predict_noise(noisy, step, denoiser.encode(observation))
            terms.append(weight[step] * ((predicted - noise) ** 2).mean())
        loss = torch.cat(terms).mean()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in trained))
        for p in trained:
            p.grad *= min(1.0, float(config.max_gradient_norm / (norm + 1e-6)))
        optimizer.param_groups[0]["lr"] = rate(number)
        optimizer.step()
        decay = min(config.ema_decay, (1 + number) / (10 + number))
        for average, p in zip(averages, trained, strict=True):
            average.copy_(decay * average + (1 - decay) * p.detach())
        losses.append(float(loss.detach()))
    return losses, averages


def draws(data, config, schedule, number):
    generator = torch.Generator().manual_seed(number)
    windows = torch.randint(len(data), (config.batch_size,), generator=generator)
    batch = data.batch(windows, KEYS, generator)
    return batch, draw_noise(batch.actions, config.noise_draws, schedule, generator)


def exact_draws(data, config, schedule, number):
    """The draws in float64: an optimizer that divides gradients by their own size amplifies what float32 rounds."""
    batch, drawn = draws(data, config, schedule, number)
    observation = {key: value.double() for key, value in batch.observation.items()}
    return Batch(observation, batch.actions.double()), replace(drawn, noise=drawn.noise.double())


def rate(number):
    return 1e-3 * (number + 1)


def test_steps_move_weights_and_average_as_a_plain_loop_does(denoiser, windows):
    _, data = windows
    config = TrainingConfig(batch_size=4, precision="fp32", max_gradient_norm=0.05)
    schedule = NoiseSchedule(DiffusionConfig())
    plain = copy.deepcopy(denoiser.double())
    step = GradientStep(denoiser, config, schedule)
    with float64():
        expected_losses, expected_averages = plain_steps(plain, data, config, schedule, 4)
        losses = [
            float(
                step(*exact_draws(data, config, schedule, number), number=number, learning_rate=rate(number))
            )
            for number in range(4)
        ]

    assert losses == pytest.approx(expected_losses)
    for ours, expected in zip(step.averages, expected_averages, strict=True):
        torch.testing.assert_close(ours, expected)
    for ours, expected in zip(denoiser.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, expected)


def test_a_frozen_base_gets_no_gradient_and_the_layers_below_its_blocks_do(task, network, windows):
    _, data = windows
    torch.manual_seed(0)
    base = DiffusionTransformer({"prop": (3,)}, task.action_dim, network, zero_gate=False)
    nn.init.normal_(base.trunk.head.project.weight)
    composed = FactorizedDenoiser(
        base.requires_grad_(False), task.observation_shapes, task.action_dim, network
    )
    schedule, config = NoiseSchedule(DiffusionConfig()), TrainingConfig(batch_size=4, precision="fp32")
    before = copy.deepcopy(composed.state_dict())
    step = GradientStep(composed, config, schedule)
    step(*draws(data, config, schedule, 0), number=0, learning_rate=1e-3)

    after = composed.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert not any(name.startswith("base.") for name in moved)
    # The first zero layer reaches the loss only through every frozen block.
    assert "zero_layers.0.weight" in moved


def test_the_loss_of_a_step_is_left_on_the_device(denoiser, windows):
    _, data = windows
    schedule, config = NoiseSchedule(DiffusionConfig()), TrainingConfig(batch_size=4)
    step = GradientStep(denoiser, config, schedule)
    loss = step(*draws(data, config, schedule, 0), number=0, learning_rate=1e-3)

    assert isinstance(loss, torch.Tensor)
    assert not loss.requires_grad


def test_batches_are_the_windows_cropped_and_normalized(windows):
    demos, data = windows
    size = data.crop_size
    batch = data.batch(torch.arange(len(data)), KEYS, torch.Generator().manual_seed(7))
    generator = torch.Generator().manual_seed(7)
    frames = [demo.images["image.agentview"] for demo in demos]
    slack = frames[0].shape[1] - size + 1
    tops, lefts = (torch.randint(slack, (len(data),), generator=generator).tolist() for _ in range(2))
    row = 0
    for demo, pictures in zip(demos, frames, strict=True):
        for t in range(len(demo)):
            top, left = tops[row], lefts[row]
            pair = [pictures[max(t - 1, 0)], pictures[t]]
            cropped = [picture[top : top + size, left : left + size] for picture in pair]
            expected = np.concatenate(cropped, axis=-1).transpose(2, 0, 1) / 127.5 - 1.0
            np.testing.assert_allclose(batch.observation["image.agentview"][row], expected, atol=1e-6)
            row += 1
    assert row == len(data)


def test_windows_of_an_odd_number_of_channel_bytes_are_gathered_too(demonstrations, network):
    demos = demonstrations.subset(demonstrations.train[:2])
    single = WindowDataset(demos, fit_normalizer(demos), replace(network, n_obs_steps=1), "cpu")
    images = single.batch(torch.tensor([5]), KEYS, None).observation["image.agentview"]
    centre = demos[0].images["image.agentview"][5][2:18, 2:18].transpose(2, 0, 1) / 127.5 - 1.0

    np.testing.assert_allclose(images[0], centre, atol=1e-6)


def test_a_network_that_cannot_be_compiled_trains_all_the_same(denoiser, windows, monkeypatch, capsys):
    def compile_to_failure(function, **_):
        def fail(*_):
            raise RuntimeError("no compiler\nand more")

        return fail

    _, data = windows
    schedule, config = NoiseSchedule(DiffusionConfig()), TrainingConfig(batch_size=4, precision="fp32")
    plain = GradientStep(copy.deepcopy(denoiser), config, schedule)
    monkeypatch.setattr(torch, "compile", compile_to_failure)
    step = GradientStep(denoiser, config, schedule, compiled=True)
    for number in range(2):
        drawn = draws(data, config, schedule, number)
        ours = step(*drawn, number=number, learning_rate=1e-3)
        assert torch.equal(ours, plain(*drawn, number=number, learning_rate=1e-3))

    assert capsys.readouterr().err.count("cannot be compiled here (no compiler)") == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_takes_the_steps_of_a_cpu(denoiser, demonstrations, network, compiled):
    demos = demonstrations.subset(demonstrations.train[:6])
    config = TrainingConfig(batch_size=4, precision="fp32")
    losses = {}
    for device in ("cpu", "cuda"):
        data = WindowDataset(demos, fit_normalizer(demos), network, device)
        schedule = NoiseSchedule(DiffusionConfig(), device)
        step = GradientStep(
            copy.deepcopy(denoiser).to(device), config, schedule, compiled=compiled and device == "cuda"
        )
        losses[device] = []
        for number in range(4):
            generator = torch.Generator().manual_seed(number)
            windows = torch.randint(len(data), (config.batch_size,), generator=generator).to(device)
            batch = data.batch(windows, KEYS, generator)
            drawn = draw_noise(batch.actions, config.noise_draws, schedule, generator)
            losses[device].append(float(step(batch, drawn, number=number, learning_rate=1e-3)))

    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-2)

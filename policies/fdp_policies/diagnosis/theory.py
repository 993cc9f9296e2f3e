r"""Theorem 1 of the paper, numerically: what a residual learns on top of a frozen base.

The claim (arXiv 2509.16830): with

.. math:: \nabla \log p(x | b, s) = \nabla \log p(x | b) + \nabla \log p(s | x, b)

a residual trained by noise prediction beside a base that has the first term learns the second one, the score of the
likelihood of the secondary sense given noisy action and base sense, and the sum is the joint conditional score. Here
the base has the first term exactly, so that what is left over is the residual's own error; network, composition and
loss are those that policies are trained with.
"""

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from fdp_bench.api import TheoryCheck, TheoryLevel
from fdp_policies.config import DiffusionConfig, NetworkConfig
from fdp_policies.diagnosis.gaussian import GaussianWorld, Sample
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.networks.denoisers import Codes, DiffusionTransformer, FactorizedDenoiser
from fdp_policies.training.data import Batch
from fdp_policies.training.losses import draw_noise, noise_prediction_loss

STATEMENT = (
    "On a linear-Gaussian problem with closed-form scores, a residual trained by noise prediction on top of a frozen "
    "base learns the score of p(secondary sense | noisy action, base sense), and base plus residual is the score of "
    "p(noisy action | base sense, secondary sense)."
)
#: Relative error that counts as converged. Our choice: an untrained residual has 1, the default training about 0.06.
BOUND = 0.10
GRADIENT_STEPS = 800
BATCH = 512
LEARNING_RATE = 5e-3
WARMUP_STEPS = 50
#: Draws that errors are measured on, at each noise level.
EVALUATION = 2_000
#: Diffusion steps of 100 at which errors are shown.
SHOWN_STEPS = (5, 15, 30, 50, 70, 90)
_NETWORK = NetworkConfig(
    n_obs_steps=1, horizon=1, n_action_steps=1, width=32, depth=1, heads=2, feature_dim=32
)


class ExactBase(nn.Module):
    """A base that predicts noise by the closed-form score given the base sense; it has nothing to train."""

    def __init__(self, world: GaussianWorld, schedule: NoiseSchedule) -> None:
        super().__init__()
        self.world, self.schedule = world, schedule

    def encode(self, observation: Mapping[str, Tensor]) -> Codes:
        """The base sense itself, (B, 2)."""
        return (observation["base"][:, 0],)

    def trunk(self, noisy_actions: Tensor, step: Tensor, code: Tensor) -> Tensor:
        """Noise in (B, 1, 2) at diffusion steps (B,)."""
        score = self.world.base_score(noisy_actions[:, 0], self.schedule.alphas_cumprod[step], code)
        return (-self.schedule.noise_rate[step, None] * score)[:, None]


class TheoryProblem:
    """The world, a composition of exact base and fresh residual, and their errors.

    Args:
        seed: Decides initialization and draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.world, self.schedule = GaussianWorld(), NoiseSchedule(DiffusionConfig())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.composition = FactorizedDenoiser(
                cast(DiffusionTransformer, ExactBase(self.world, self.schedule)),
                {"base": (self.world.dim,), "secondary": (self.world.dim,)},
                self.world.dim,
                _NETWORK,
                composition="score",
            )

    def train(self, gradient_steps: int, *, blind: bool = False) -> None:
        """Train the residual by noise prediction.

        Args:
            gradient_steps: Number of steps.
            blind: Whether the secondary sense that it sees is another draw's, for contrast.
        """
        residual = self.composition.residual
        optimizer = torch.optim.Adam(residual.parameters(), LEARNING_RATE)
        weight = self.schedule.loss_weight("plain", 1.0)
        for index in range(gradient_steps):
            decay = 0.5 * (1 + math.cos(math.pi * index / gradient_steps))
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(1.0, (index + 1) / WARMUP_STEPS) * decay
            batch = _as_batch(self.world.draw(BATCH, self.generator), blind=blind)
            drawn = draw_noise(batch.actions, 1, self.schedule, self.generator)
            loss = noise_prediction_loss(self.composition, batch, self.schedule, weight, drawn)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(residual.parameters(), 1.0)
            optimizer.step()

    @torch.no_grad()
    def squared_errors(self, step: int) -> Tensor:
        """Mean squares at one diffusion step, as predicted noise.

        Returns:
            Error and size of the likelihood's score, error and size of the joint score, error of the base against the
            joint score: shape (5,).
        """
        generator = torch.Generator().manual_seed(1_000 + step)
        sample = self.world.draw(EVALUATION, generator)
        steps = torch.full((EVALUATION,), step)
        power, rate = self.schedule.alphas_cumprod[steps], self.schedule.noise_rate[steps, None]
        noise = torch.randn(EVALUATION, self.world.dim, generator=generator)
        noisy = power.sqrt()[:, None] * sample.action + rate * noise
        batch = _as_batch(sample)
        codes = self.composition.encode(batch.observation)
        residual = self.composition.residual.trunk(noisy[:, None], steps, codes[1])[:, 0]
        composed = self.composition.predict_noise(noisy[:, None], steps, codes)[:, 0]
        likelihood = -rate * self.world.likelihood_score(noisy, power, sample.base, sample.secondary)
        joint = -rate * self.world.joint_score(noisy, power, sample.base, sample.secondary)
        base = -rate * self.world.base_score(noisy, power, sample.base)
        pairs = (residual - likelihood, likelihood, composed - joint, joint, base - joint)
        return torch.stack([each.square().mean() for each in pairs])


def check_theorem(gradient_steps: int = GRADIENT_STEPS, seed: int = 0) -> TheoryCheck:
    """Train a residual beside an exact base and hold both scores against their closed forms; the same every time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problem = TheoryProblem(seed)
        untrained = _relative_errors(problem)[0]
        problem.train(gradient_steps)
        likelihood, joint = _relative_errors(problem)
        levels = tuple(_level(problem, step) for step in SHOWN_STEPS)
    finally:
        torch.set_num_threads(threads)
    return TheoryCheck(STATEMENT, levels, likelihood, joint, untrained, BOUND, gradient_steps)


def _relative_errors(problem: TheoryProblem) -> tuple[float, float]:
    """Relative errors of residual and composition, root mean square over every tenth diffusion step."""
    steps = range(5, len(problem.schedule.alphas_cumprod), 10)
    squares = torch.stack([problem.squared_errors(step) for step in steps]).sum(0)
    return float((squares[0] / squares[1]).sqrt()), float((squares[2] / squares[3]).sqrt())


def _level(problem: TheoryProblem, step: int) -> TheoryLevel:
    squares = problem.squared_errors(step)
    return TheoryLevel(
        step=step,
        noise_rate=float(problem.schedule.noise_rate[step]),
        likelihood=float((squares[0] / squares[1]).sqrt()),
        joint=float((squares[2] / squares[3]).sqrt()),
        base_alone=float((squares[4] / squares[3]).sqrt()),
    )


def _as_batch(sample: Sample, *, blind: bool = False) -> Batch:
    secondary = sample.secondary.roll(1, 0) if blind else sample.secondary
    return Batch({"base": sample.base[:, None], "secondary": secondary[:, None]}, sample.action[:, None])

"""The fast path on the bundled weights, through the policies as users get them."""

import numpy as np
import pytest
import torch
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.config import NetworkConfig
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fast.program import ChunkProgram
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.networks.normalizer import prepare_observation

from fdp_bench.api import PolicySpec
from fdp_bench.tasks import describe

TASK = describe("fdp_bench/Lift-v1")
POLICIES = [
    (JointDiffusionPolicy, "dp-dit", ""),
    (BaseDiffusionPolicy, "base", "prop"),
    (BaseDiffusionPolicy, "base", "vision"),
    (FactorizedDiffusionPolicy, "fdp", "prop>vision"),
    (FactorizedDiffusionPolicy, "fdp", "vision>prop"),
]


def build(kind, name, order, **options):
    return kind(PolicySpec(name, order, options=options), TASK)


def observe(policy, rows, seed=0):
    """Arm states within the normalizer's range, and frames of a few flat patches each."""
    rng = np.random.default_rng(seed)
    ranges = policy._sampler.normalizer
    center, half = (value.numpy() for value in ranges._keys["prop"]) if "prop" in ranges._keys else (0.0, 1.0)
    coarse = rng.integers(0, 256, (rows, 2, 6, 6, 3), dtype=np.uint8)
    frames = {"image.agentview": coarse, "image.wrist": coarse[::-1]}
    prop = (center + half * rng.uniform(-0.8, 0.8, (rows, 2, 16))).astype(np.float32)
    noise = rng.standard_normal((rows, *policy.noise_shape), dtype=np.float32)
    observation = {key: value.repeat(14, axis=2).repeat(14, axis=3) for key, value in frames.items()}
    return {**observation, "prop": prop}, noise


@pytest.mark.parametrize(("kind", "name", "order"), POLICIES)
@pytest.mark.parametrize("rows", [1, 8])
def test_predicted_noise_equals_the_plain_modules_at_every_step(kind, name, order, rows):
    # Step by step on the same noisy actions: over a whole chunk the first step, whose schedule divides by 5e-5, may
    # turn the rounding of either path into 1e-4, as much as the plain one differs from itself in float64.
    sampler = build(kind, name, order)._sampler
    observation, noise = observe(build(kind, name, order), rows)
    tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in observation.items()}
    program = ChunkProgram(sampler.denoiser, sampler.sampler, sampler.normalizer, NetworkConfig())
    differences, sizes = [], []
    with torch.inference_mode():
        codes = sampler.denoiser.encode(
            prepare_observation(tensors, sampler.keys, sampler.normalizer, sampler.network.crop_size, "cpu")
        )
        modulations = program._trunk.modulations(program._encode(tensors))

        def predict(actions, index):
            step = torch.full((rows,), sampler.sampler.steps[index])
            expected = sampler.denoiser.predict_noise(actions, step, codes)
            fast = program._trunk.predict_noise(actions, modulations[index])
            differences.append(float((fast - expected).abs().max()))
            sizes.append(float(expected.std()))
            return expected

        sampler.sampler.reverse(predict, torch.from_numpy(noise))
    assert len(differences) == 10
    assert min(sizes) > 0.05
    assert max(differences) < 1e-5


@pytest.mark.parametrize(("kind", "name", "order"), POLICIES)
def test_chunks_equal_those_of_the_plain_path(kind, name, order):
    policy = build(kind, name, order)
    observation, noise = observe(policy, 16)
    difference = []
    for start in range(0, 16, 4):
        part = {key: value[start : start + 4] for key, value in observation.items()}
        given = part, noise[start : start + 4]
        difference.append(np.abs(policy.act(*given) - policy._sampler.act_plainly(*given)).max((1, 2)))
    chunks = np.concatenate(difference)
    assert np.median(chunks) < 5e-6
    assert (chunks < 1e-5).mean() >= 0.9


def test_ddpm_chunks_equal_those_of_the_plain_path():
    policy = build(FactorizedDiffusionPolicy, "fdp", "prop>vision", sampler="ddpm", denoising_steps="20")
    given = observe(policy, 4)
    difference = np.abs(policy.act(*given) - policy._sampler.act_plainly(*given)).max((1, 2))
    assert np.median(difference) < 1e-5


@pytest.mark.parametrize(("kind", "name", "order"), [POLICIES[0], POLICIES[3]])
@pytest.mark.parametrize("rows", [2, 4])
def test_a_rows_actions_are_the_same_in_every_place_and_company(kind, name, order, rows):
    policy = build(kind, name, order)
    observation, noise = observe(policy, rows)
    actions = policy.act(observation, noise)
    assert np.array_equal(policy.act(observation, noise), actions)
    for shift in range(rows):
        turned = {key: np.roll(value, shift, axis=0) for key, value in observation.items()}
        assert np.array_equal(
            policy.act(turned, np.roll(noise, shift, axis=0)), np.roll(actions, shift, axis=0)
        )
        lone = {key: value[[shift] * rows] for key, value in observation.items()}
        assert np.array_equal(policy.act(lone, noise[[shift] * rows])[0], actions[shift])

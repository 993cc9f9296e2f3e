"""The fast path on the bundled weights, through the policies as users get them."""

import copy
from unittest import mock

import numpy as np
import pytest
import torch
from fdp_policies.base import BaseDiffusionPolicy
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fast.program import ChunkProgram
from fdp_policies.fdp import FactorizedDiffusionPolicy
from fdp_policies.networks.normalizer import prepare_observation
from rounding import assert_equal_to_rounding, exactly, float64, in_parts

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
    # Step by step on the same noisy actions: over a whole chunk the first step, whose schedule divides by 5e-5, turns a
    # rounding of some rows into a thousand of others.
    sampler = build(kind, name, order)._sampler
    observation, noise = observe(build(kind, name, order), rows)
    visited = torch.stack(noisy_actions(sampler, observation, noise), 1)
    tensors = {key: torch.from_numpy(np.ascontiguousarray(observation[key])) for key in sampler.keys}
    program = ChunkProgram(sampler.denoiser, sampler.sampler, sampler.normalizer, sampler.network)

    def fast(observed, actions):
        modulations = program._trunk.modulations(program._encode(observed))
        predicted = [program._trunk.predict_noise(actions[:, i], modulations[i]) for i in range(10)]
        return torch.stack(predicted, 1)

    def plain(observed, actions, denoiser=sampler.denoiser):
        prepared = prepare_observation(
            observed, sampler.keys, sampler.normalizer, sampler.network.crop_size, "cpu"
        )
        codes = denoiser.encode(prepared)
        steps = [torch.full((len(actions),), step) for step in sampler.sampler.steps]
        predicted = [denoiser.predict_noise(actions[:, i], step, codes) for i, step in enumerate(steps)]
        return torch.stack(predicted, 1)

    def exact(observed, actions):
        with float64():
            return plain(observed, actions.double(), copy.deepcopy(sampler.denoiser).double())

    with torch.inference_mode():
        assert plain(tensors, visited).std((0, 2, 3)).min() > 0.05
        assert_equal_to_rounding(fast(tensors, visited), plain, exact, (tensors, visited))


def noisy_actions(sampler, observation, noise):
    """What the plain path hands to its network at each step."""
    seen, predict = [], sampler.denoiser.predict_noise
    with mock.patch.object(
        sampler.denoiser,
        "predict_noise",
        lambda actions, *rest: (seen.append(actions), predict(actions, *rest))[1],
    ):
        sampler.act_plainly(observation, noise)
    return seen


@pytest.mark.parametrize(("kind", "name", "order"), POLICIES)
def test_chunks_equal_those_of_the_plain_path(kind, name, order):
    policy = build(kind, name, order)
    given = observe(policy, 16)
    actions, sampler = in_parts(policy.act, given, 4), policy._sampler
    assert_equal_to_rounding(actions, sampler.act_plainly, exactly(sampler), given, quantiles=(0.5, 0.75))


def test_ddpm_chunks_equal_those_of_the_plain_path():
    policy = build(FactorizedDiffusionPolicy, "fdp", "prop>vision", sampler="ddpm", denoising_steps="20")
    given, sampler = observe(policy, 8), policy._sampler
    actions = in_parts(policy.act, given, 4)
    assert_equal_to_rounding(actions, sampler.act_plainly, exactly(sampler), given, quantiles=(0.5, 0.75))


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

"""The fast path against the plain composition: every kind of denoiser, both samplers, several batch sizes."""

import copy
from itertools import permutations

import numpy as np
import pytest
import torch
from fdp_policies.config import MIXTURES, DiffusionConfig, NetworkConfig, SamplerConfig
from fdp_policies.diffusion import Sampler
from fdp_policies.fast import ChunkProgram, can_stack
from fdp_policies.fast.block import GELU_LINEAR, scaled_gelu
from fdp_policies.fast.linear import PACKED_ROWS
from fdp_policies.fast.vision import PIECE_ROWS
from fdp_policies.networks.backbones import make_mixture
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser
from fdp_policies.networks.normalizer import Normalizer, Range, TensorNormalizer, prepare_observation
from rounding import assert_equal_to_rounding, float64, gentle_schedule

SHAPES = {"prop": (16,), "image.agentview": (20, 22, 3), "image.wrist": (20, 22, 3)}
ACTIONS = 7
KINDS = ("dp-dit", "base", "block", "block, vision first", "score", *MIXTURES)
NETWORK = NetworkConfig(horizon=8, n_action_steps=6, width=64, depth=3, heads=2, feature_dim=32, crop_size=18)


def randomize(module):
    """Random weights everywhere, those that start at zero included, of a gain at which rounding is not amplified."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "sharpness" not in name:
                gain = 0.25 if ".head.project" in name else 0.5
                parameter.normal_(std=gain * max(parameter.shape[-1], 4) ** -0.5)


def make(kind, network=NETWORK):
    torch.manual_seed(sum(kind.encode()))
    if kind == "dp-dit":
        denoiser = DiffusionTransformer(SHAPES, ACTIONS, network)
    elif kind in MIXTURES:
        senses = ({"prop"}, {"image.agentview", "image.wrist"}, {"prop", "image.wrist"})
        shapes = [{key: SHAPES[key] for key in SHAPES if key in read} for read in senses]
        denoiser = make_mixture([DiffusionTransformer(each, ACTIONS, network) for each in shapes], kind)
        if kind == "weighted":
            denoiser.share.copy_(torch.tensor([0.5, 1.0, 2.0]))
    else:
        first = {key: SHAPES[key] for key in SHAPES if key.startswith("image.") == ("vision" in kind)}
        denoiser = DiffusionTransformer(first, ACTIONS, network)
        if kind != "base":
            composition = kind.partition(",")[0]
            denoiser = FactorizedDenoiser(denoiser, SHAPES, ACTIONS, network, composition=composition)
    randomize(denoiser)
    return denoiser.eval().requires_grad_(False)


def normalizer():
    def spread(dim):
        return Range(tuple(np.linspace(-2, -0.5, dim).tolist()), tuple(np.linspace(0.5, 3, dim).tolist()))

    return TensorNormalizer(Normalizer({"prop": spread(16)}, spread(ACTIONS)), "cpu")


def inputs(rows, sampler):
    rng = np.random.default_rng(rows)
    observation = {
        key: torch.from_numpy(
            rng.integers(0, 256, (rows, 2, *shape), dtype=np.uint8)
            if key.startswith("image.")
            else rng.standard_normal((rows, 2, *shape), dtype=np.float32)
        )
        for key, shape in SHAPES.items()
    }
    noise = rng.standard_normal((rows, sampler.noise_draws, NETWORK.horizon, ACTIONS), dtype=np.float32)
    return observation, torch.from_numpy(noise)


def make_sampler(kind="ddim", steps=10):
    return Sampler(SamplerConfig(kind, steps), gentle_schedule(DiffusionConfig()))


def plain(denoiser, sampler, observation, noise, network=NETWORK):
    """The straightforward composition, as the module's documentation has it."""
    ranges = normalizer()
    with torch.inference_mode():
        prepared = prepare_observation(observation, tuple(SHAPES), ranges, network.crop_size, "cpu")
        codes = denoiser.encode(prepared)
        chunk = sampler.sample(lambda a, step: denoiser.predict_noise(a, step, codes), noise)
        return ranges.denormalize_actions(chunk[:, : network.n_action_steps])


def assert_as_plain(actions, denoiser, sampler, given, network=NETWORK):
    """Fail unless actions are the plain composition's, up to rounding."""
    twin = copy.deepcopy(denoiser).double()

    def exact(observation, noise):
        with float64():
            return plain(twin, sampler, observation, noise.double(), network)

    def expected(observation, noise):
        return plain(denoiser, sampler, observation, noise, network)

    assert_equal_to_rounding(actions, expected, exact, given)


@pytest.mark.parametrize("sampler", [make_sampler(), make_sampler("ddpm", 25)], ids=["ddim", "ddpm"])
@pytest.mark.parametrize("rows", [1, 3, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_fast_path_equals_plain_composition(kind, rows, sampler):
    denoiser = make(kind)
    given = inputs(rows, sampler)
    actions = ChunkProgram(denoiser, sampler, normalizer(), NETWORK)(*given)
    assert actions.std() > 0.05
    assert actions.shape == (rows, NETWORK.n_action_steps, ACTIONS)
    assert_as_plain(actions, denoiser, sampler, given)


def test_the_batch_sizes_above_reach_both_matrix_products():
    assert 3 * NETWORK.horizon < PACKED_ROWS <= 4 * NETWORK.horizon


@pytest.mark.parametrize("kind", ["dp-dit", "block, vision first"])
def test_frames_of_many_rows_are_convolved_in_pieces_to_the_same_end(kind):
    denoiser, sampler, rows = make(kind), make_sampler("ddim", 2), 2 * PIECE_ROWS
    observation, noise = inputs(rows, sampler)
    program = ChunkProgram(denoiser, sampler, normalizer(), NETWORK)
    actions = program(observation, noise)
    assert_as_plain(actions, denoiser, sampler, (observation, noise))
    turned = program({key: value.roll(5, 0) for key, value in observation.items()}, noise.roll(5, 0))
    assert torch.equal(turned, actions.roll(5, 0))


@pytest.mark.parametrize("kind", ["dp-dit", "block"])
def test_fast_path_equals_plain_composition_with_the_other_image_encoder(kind):
    network = NetworkConfig(**{**vars(NETWORK), "encoder": "vit", "crop_size": 16})
    denoiser, sampler = make(kind, network), make_sampler()
    given = inputs(2, sampler)
    actions = ChunkProgram(denoiser, sampler, normalizer(), network)(*given)
    assert_as_plain(actions, denoiser, sampler, given, network)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_moves_the_fast_path(kind):
    denoiser, sampler = make(kind), make_sampler("ddim", 2)
    given = inputs(1, sampler)
    before = ChunkProgram(denoiser, sampler, normalizer(), NETWORK)(*given)
    idle = []
    for name, weights in denoiser.state_dict().items():
        kept = weights.clone()
        # Each by another amount: a softmax looks at differences.
        weights.add_(torch.linspace(0.1, 0.5, weights.numel()).view_as(weights))
        if torch.equal(ChunkProgram(denoiser, sampler, normalizer(), NETWORK)(*given), before):
            idle.append(name)
        weights.copy_(kept)
    # A spatial softmax looks at differences, and so do attention's scores, which this test must not hide.
    assert all(name.endswith("convolutions.4.bias") for name in idle)


@pytest.mark.parametrize("kind", ["dp-dit", "block", "consensus"])
@pytest.mark.parametrize("rows", [3, 4])
def test_a_rows_actions_depend_neither_on_its_place_nor_on_the_other_rows(kind, rows):
    denoiser, sampler = make(kind), make_sampler()
    program = ChunkProgram(denoiser, sampler, normalizer(), NETWORK)
    observation, noise = inputs(rows, sampler)
    actions = program(observation, noise)
    for order in permutations(range(rows)):
        turned = program({key: value[list(order)] for key, value in observation.items()}, noise[list(order)])
        assert torch.equal(turned, actions[list(order)])
    for row in range(rows):
        alone = {key: value[[row] * rows] for key, value in observation.items()}
        quiet = torch.zeros_like(noise)
        quiet[row] = noise[row]
        assert torch.equal(program(alone, quiet)[row], actions[row])


def test_a_result_depends_on_no_earlier_call_and_stays_as_it_was_given():
    denoiser, sampler = make("block"), make_sampler()
    program = ChunkProgram(denoiser, sampler, normalizer(), NETWORK)
    given, others = inputs(4, sampler), [inputs(rows, sampler) for rows in (8, 1, 5)]
    first = program(*given)
    kept = first.clone()
    for other in others:
        program(*other)
    assert torch.equal(program(*given), kept)
    assert torch.equal(ChunkProgram(denoiser, sampler, normalizer(), NETWORK)(*given), kept)
    assert torch.equal(first, kept)


def test_inputs_are_left_as_they_are():
    sampler = make_sampler()
    observation, noise = inputs(2, sampler)
    copies = {key: value.clone() for key, value in observation.items()}, noise.clone()
    ChunkProgram(make("block"), sampler, normalizer(), NETWORK)(observation, noise)
    assert torch.equal(noise, copies[1])
    assert all(torch.equal(observation[key], copies[0][key]) for key in observation)


def test_without_onednns_operations_the_result_is_the_same(monkeypatch):
    denoiser, sampler = make("block"), make_sampler()
    given = inputs(8, sampler)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    actions = ChunkProgram(denoiser, sampler, normalizer(), NETWORK)(*given)
    monkeypatch.undo()
    assert_as_plain(actions, denoiser, sampler, given)


def test_networks_of_unlike_shape_are_left_to_the_plain_path():
    base = DiffusionTransformer({"prop": (16,)}, ACTIONS, NETWORK)
    deeper = NetworkConfig(**{**vars(NETWORK), "depth": 4})
    assert can_stack(FactorizedDenoiser(base, SHAPES, ACTIONS, NETWORK, composition="score"))
    assert not can_stack(FactorizedDenoiser(base, SHAPES, ACTIONS, deeper, composition="score"))


def test_sigmoid_form_of_gelu_equals_torchs():
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    expected = torch.nn.functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(scaled_gelu(x * GELU_LINEAR) / GELU_LINEAR, expected)

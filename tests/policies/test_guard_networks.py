"""Guarded chunks: every composition and backbone, by the plain modules and on the fast path."""

from dataclasses import replace

import pytest
import torch
from fdp_policies.config import DiffusionConfig, NetworkConfig, SamplerConfig
from fdp_policies.diffusion import NoiseSchedule, Sampler
from fdp_policies.fast import ChunkProgram, EncodedProgram, can_stack
from fdp_policies.guard.networks import GuardedProgram, measure_signals, sample_plainly
from fdp_policies.guard.sampling import Guard, sample_guarded
from fdp_policies.networks.backbones import make_factorized, make_single
from fdp_policies.networks.normalizer import Normalizer, Range, TensorNormalizer, prepare_observation

SHAPES = {"prop": (5,), "image.agentview": (20, 22, 3)}
ACTIONS, ROWS = 3, 6
NETWORK = NetworkConfig(horizon=8, n_action_steps=6, width=32, depth=2, heads=2, feature_dim=16, crop_size=18)
RANGES = TensorNormalizer(
    Normalizer({"prop": Range((-2.0,) * 5, (2.0,) * 5)}, Range((-1.0,) * ACTIONS, (1.0,) * ACTIONS)), "cpu"
)
NEVER, ALWAYS = float("inf"), -1.0
KINDS = [
    (backbone, composition, first)
    for backbone in ("dit", "unet")
    for composition in ("block", "score")
    for first in ("prop", "vision")
]


def randomize(module):
    """See `test_fast_path.randomize`: random weights of a gain at which rounding is not amplified."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "sharpness" not in name and "norm" not in name:
                gain = 0.2 if ".head." in name else 0.4
                parameter.normal_(std=gain * max(parameter.shape[-1], 4) ** -0.5)


def make(backbone, composition, first):
    """A composition of random weights and the keys that are secondary in it."""
    torch.manual_seed(len(backbone + composition + first))
    network = replace(NETWORK, backbone=backbone)
    read = {key: SHAPES[key] for key in SHAPES if (key == "prop") == (first == "prop")}
    base = make_single(read, ACTIONS, network)
    whole = make_factorized(base, SHAPES, ACTIONS, network, composition=composition)
    randomize(whole)
    return whole.eval().requires_grad_(False), tuple(key for key in SHAPES if key not in read)


def make_sampler(kind="ddim", steps=10):
    """See `test_fast_path.make_sampler`: a schedule that does not amplify rounding."""
    schedule = NoiseSchedule(DiffusionConfig())
    schedule.alphas_cumprod.clamp_(min=0.02)
    return Sampler(SamplerConfig(kind, steps), schedule)


def inputs(sampler, rows=ROWS):
    generator = torch.Generator().manual_seed(3)
    observation = {
        "prop": torch.randn((rows, 2, 5), generator=generator),
        "image.agentview": torch.randint(
            0, 256, (rows, 2, 20, 22, 3), generator=generator, dtype=torch.uint8
        ),
    }
    return observation, torch.randn((rows, sampler.noise_draws, 8, ACTIONS), generator=generator)


def prepared(observation):
    return prepare_observation(observation, tuple(observation), RANGES, NETWORK.crop_size, "cpu")


def make_guard(keys, *thresholds):
    size = NETWORK.feature_dim * len(keys)
    return Guard(keys, torch.full((size,), 0.1), torch.eye(size), torch.tensor(thresholds))


def plain(network, sampler, guard, observation, noise):
    with torch.inference_mode():
        chunk, *aside = sample_plainly(network, sampler, guard, prepared(observation), noise)
        return RANGES.denormalize_actions(chunk[:, : NETWORK.n_action_steps]), *aside


def fast(network, sampler, guard, observation, noise):
    kind = ChunkProgram if can_stack(network) else EncodedProgram
    program = kind(network, sampler, RANGES, NETWORK)
    if guard is None:
        return (program(observation, noise),)
    return GuardedProgram(program, guard)(observation, noise)


def signals(network, sampler, keys, observation, noise):
    with torch.inference_mode():
        features, added = measure_signals(network, sampler, keys, prepared(observation), noise)
        guard = make_guard(keys, NEVER, NEVER)
        return added, guard.distance(dict(zip(keys, features.split(NETWORK.feature_dim, 1), strict=True)))


def between(values, below=ROWS // 2):
    """A threshold with so many of the values below it and the others above."""
    return float(values.sort().values[below - 1 : below + 1].mean())


@pytest.mark.parametrize("path", [plain, fast])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_where_no_row_steps_aside_the_chunk_is_the_unguarded_one_bit_for_bit(kind, path):
    (network, keys), sampler = make(*kind), make_sampler()
    given = inputs(sampler)
    actions, aside = path(network, sampler, make_guard(keys, NEVER, NEVER), *given)

    assert not aside.any()
    assert torch.equal(actions, path(network, sampler, None, *given)[0])


@pytest.mark.parametrize("sampler", [("ddim", 10), ("ddpm", 12)], ids=str)
@pytest.mark.parametrize("path", [plain, fast])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_where_all_rows_step_aside_the_chunk_is_the_bases(kind, path, sampler):
    (network, keys), sampler = make(*kind), make_sampler(*sampler)
    given = inputs(sampler)
    actions, aside = path(network, sampler, make_guard(keys, ALWAYS, ALWAYS), *given)

    assert aside.all()
    expected = plain(network.base, sampler, None, *given)[0]
    torch.testing.assert_close(actions, expected, atol=1e-5, rtol=0)
    assert (plain(network, sampler, None, *given)[0] - expected).abs().max() > 0.01


@pytest.mark.parametrize("path", [plain, fast])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rows_step_aside_one_by_one(kind, path):
    (network, keys), sampler = make(*kind), make_sampler()
    given = inputs(sampler)
    added, _ = signals(network, sampler, keys, *given)
    mixed, aside = path(network, sampler, make_guard(keys, between(added), ALWAYS), *given)
    whole = path(network, sampler, None, *given)[0]
    base = path(network, sampler, make_guard(keys, ALWAYS, ALWAYS), *given)[0]

    assert aside.tolist() == (added > between(added)).tolist()
    assert aside.sum() == ROWS // 2
    assert torch.equal(mixed, torch.where(aside[:, None, None], base, whole))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_both_paths_decide_alike_and_by_both_signals(kind):
    (network, keys), sampler = make(*kind), make_sampler()
    given = inputs(sampler)
    added, distance = signals(network, sampler, keys, *given)
    for thresholds, expected in (
        ((between(added), between(distance)), (added > between(added)) & (distance > between(distance))),
        ((ALWAYS, between(distance)), distance > between(distance)),
        ((NEVER, ALWAYS), torch.zeros(ROWS, dtype=torch.bool)),
        ((ALWAYS, NEVER), torch.zeros(ROWS, dtype=torch.bool)),
    ):
        guard = make_guard(keys, *thresholds)
        actions, aside = fast(network, sampler, guard, *given)
        others, decided = plain(network, sampler, guard, *given)
        assert aside.tolist() == decided.tolist() == expected.tolist()
        torch.testing.assert_close(actions, others, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "kind", [("dit", "block", "prop"), ("dit", "score", "prop"), ("unet", "block", "vision")]
)
def test_a_row_depends_neither_on_its_place_nor_on_the_other_rows(kind):
    (network, keys), sampler = make(*kind), make_sampler()
    observation, noise = inputs(sampler, rows=4)
    added, distance = signals(network, sampler, keys, observation, noise)
    guard = make_guard(keys, between(added, 1), between(distance, 1))
    actions, aside = fast(network, sampler, guard, observation, noise)
    assert 0 < aside.sum() < 4
    for shift in range(1, 4):
        turned = {key: value.roll(shift, 0) for key, value in observation.items()}, noise.roll(shift, 0)
        others, decided = fast(network, sampler, guard, *turned)
        assert torch.equal(others, actions.roll(shift, 0))
        assert torch.equal(decided, aside.roll(shift, 0))


@pytest.mark.parametrize("path", [plain, fast])
@pytest.mark.parametrize("backbone", ["dit", "unet"])
@pytest.mark.parametrize("composition", ["block", "score"])
def test_a_secondary_sense_that_is_no_number_leaves_the_chunk_to_the_base(backbone, composition, path):
    (network, keys), sampler = make(backbone, composition, "vision"), make_sampler()
    observation, noise = inputs(sampler)
    guard = make_guard(keys, 1e6, 1e6)
    broken = {**observation, "prop": observation["prop"].clone()}
    broken["prop"][2, 0, 1] = float("nan")

    actions, aside = path(network, sampler, guard, broken, noise)

    assert aside.nonzero().flatten().tolist() == [2]
    whole, base = (
        path(network, sampler, make_guard(keys, t, t), observation, noise)[0] for t in (NEVER, ALWAYS)
    )
    assert torch.equal(actions, torch.where(aside[:, None, None], base, whole))


def test_the_base_is_asked_once_a_chunk():
    sampler, asked = make_sampler(), []

    def predict(actions, index, kept):
        asked.append(("whole", index, kept is None))
        return actions

    def predict_base(actions):
        asked.append(("base",))
        return actions

    guard = make_guard(("prop",), ALWAYS, ALWAYS)
    noise = torch.zeros(2, 1, 8, ACTIONS)
    sample_guarded(sampler, guard, torch.zeros(2), predict, predict_base, noise)

    assert asked == [("whole", 0, True), ("base",), *(("whole", step, False) for step in range(1, 10))]


@pytest.mark.parametrize("path", [plain, fast])
def test_a_network_without_a_residual_says_which_rows_are_unusual_and_acts_in_all(path):
    network, sampler = make_single(SHAPES, ACTIONS, NETWORK), make_sampler()
    randomize(network)
    given, keys = inputs(sampler), ("image.agentview",)
    added, distance = signals(network, sampler, keys, *given)
    actions, aside = path(network.eval(), sampler, make_guard(keys, between(distance)), *given)

    assert added is None
    assert aside.tolist() == (distance > between(distance)).tolist()
    assert torch.equal(actions, path(network, sampler, None, *given)[0])

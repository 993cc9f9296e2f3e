import pytest
import torch
from fdp_policies.config import NetworkConfig
from fdp_policies.networks.denoisers import DiffusionTransformer, FactorizedDenoiser

SHAPES = {"prop": (3,), "image.agentview": (20, 20, 3)}


def random_weights(network):
    """Replace zero-initialized weights too, as training would, so that equality means something."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.2)
    return network


@pytest.fixture
def config():
    return NetworkConfig(
        horizon=4, n_action_steps=4, width=32, depth=3, heads=2, feature_dim=16, crop_size=16
    )


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    observation = {"prop": torch.randn(5, 2, 3), "image.agentview": torch.randn(5, 6, 16, 16)}
    return observation, torch.randn(5, 4, 2), torch.tensor([0, 20, 50, 80, 99])


def compose(config, composition):
    base = random_weights(DiffusionTransformer({"prop": (3,)}, 2, config))
    return FactorizedDenoiser(base, SHAPES, 2, config, composition=composition)


def predict(network, inputs):
    observation, noisy, step = inputs
    return network.predict_noise(noisy, step, network.encode(observation))


@pytest.mark.parametrize("composition", ["block", "score"])
def test_composition_equals_base_bit_for_bit_before_training(config, inputs, composition):
    network = compose(config, composition)
    expected = predict(network.base, inputs)
    assert expected.abs().min() > 0
    assert torch.equal(predict(network, inputs), expected)


@pytest.mark.parametrize("composition", ["block", "score"])
def test_composition_listens_to_residual_once_zeros_have_moved(config, inputs, composition):
    network = compose(config, composition)
    base = predict(network.base, inputs)
    random_weights(network.residual)
    if composition == "block":
        random_weights(network.zero_layers)
    assert not torch.allclose(predict(network, inputs), base)


def test_block_composition_has_one_zero_layer_more_than_blocks(config):
    network = compose(config, "block")
    assert len(network.zero_layers) == config.depth + 1
    assert all((layer.weight == 0).all() and (layer.bias == 0).all() for layer in network.zero_layers)


@pytest.mark.parametrize("position", range(4))
def test_each_zero_layer_reaches_the_output(config, inputs, position):
    network = compose(config, "block")
    base = predict(network.base, inputs)
    random_weights(network.zero_layers[position])
    assert not torch.allclose(predict(network, inputs), base)


def test_residual_modulation_starts_non_zero_and_joint_modulation_at_zero(config):
    network = compose(config, "block")
    joint = DiffusionTransformer(SHAPES, 2, config)
    assert all(block.modulation.weight.abs().sum() > 0 for block in network.residual.trunk.blocks)
    assert all(block.modulation.weight.abs().sum() == 0 for block in joint.trunk.blocks)


def test_base_reads_its_own_keys_alone(config, inputs):
    network = compose(config, "block")
    observation, _, _ = inputs
    blind = {**observation, "image.agentview": torch.zeros_like(observation["image.agentview"])}
    assert torch.equal(network.base.encode(observation)[0], network.base.encode(blind)[0])


@pytest.mark.parametrize("encoder", ["cnn", "vit"])
def test_encoders_see_where_a_blob_is(encoder, config):
    settings = {**vars(config), "encoder": encoder}
    torch.manual_seed(0)
    network = DiffusionTransformer({"image.agentview": (20, 20, 3)}, 2, NetworkConfig(**settings))
    image = torch.full((2, 6, 16, 16), -1.0)
    image[0, :, 2:5, 2:5] = 1.0
    image[1, :, 10:13, 10:13] = 1.0
    codes = network.encode({"image.agentview": image})[0]
    assert codes.shape == (2, config.width)
    assert (codes[0] - codes[1]).abs().max() > 1e-3


def test_attention_equals_torch_scaled_dot_product(config):
    network = random_weights(DiffusionTransformer({"prop": (3,)}, 2, config)).double()
    block, tokens = network.trunk.blocks[0], torch.randn(3, 4, 32, dtype=torch.float64)
    query, key, value = block.qkv(tokens).view(3, 4, 3, 2, 16).permute(2, 0, 3, 1, 4)
    mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    expected = block.out(mixed.transpose(1, 2).reshape(3, 4, 32))
    torch.testing.assert_close(block.attend(tokens), expected)

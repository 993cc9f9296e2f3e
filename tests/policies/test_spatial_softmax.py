"""Keypoints of the image encoder, against their definition written with torch's own standard deviation."""

import pytest
import torch
from fdp_policies.networks.encoders import SpatialSoftmax
from rounding import float64

SIDE, CHANNELS = 6, 5


def by_definition(module: SpatialSoftmax, features: torch.Tensor) -> torch.Tensor:
    flat = features.flatten(2)
    deviation, mean = torch.std_mean(flat, dim=-1, keepdim=True)
    attention = ((flat - mean) * (module.sharpness / (deviation + 1e-5))).softmax(-1)
    return (attention @ module.coordinates).flatten(1)


@pytest.fixture
def module() -> SpatialSoftmax:
    torch.manual_seed(0)
    softmax = SpatialSoftmax(SIDE, CHANNELS)
    with torch.no_grad():
        softmax.sharpness.uniform_(0.5, 3.0)
    return softmax


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=["nhwc", "nchw"])
def test_keypoints_and_their_gradients_follow_the_definition(module, layout):
    module.double()
    features = 3.0 + torch.randn(4, CHANNELS, SIDE, SIDE, dtype=torch.float64)
    features = features.contiguous(memory_format=layout)
    weight = torch.randn(4, 2 * CHANNELS, dtype=torch.float64)
    results = []
    for function in (module, lambda x: by_definition(module, x)):
        leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
        module.sharpness.grad = None
        with float64():
            keypoints = function(leaf)
        (keypoints * weight).sum().backward()
        results.append((keypoints.detach(), leaf.grad, module.sharpness.grad))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected)


def test_a_single_bright_spot_is_where_the_keypoint_lies(module):
    with torch.no_grad():
        module.sharpness.fill_(50.0)
    features = torch.zeros(1, CHANNELS, SIDE, SIDE)
    features[:, :, 0, SIDE - 1] = 1.0  # top right
    keypoints = module(features).view(CHANNELS, 2)
    torch.testing.assert_close(keypoints, torch.tensor([1.0, -1.0]).expand(CHANNELS, 2), atol=1e-3, rtol=0)


def test_a_channel_without_structure_looks_at_the_centre_and_passes_no_gradient(module):
    features = torch.full((2, CHANNELS, SIDE, SIDE), 0.7, requires_grad=True)
    keypoints = module(features)
    keypoints.sum().backward()
    torch.testing.assert_close(keypoints, torch.zeros_like(keypoints), atol=1e-5, rtol=0)
    assert torch.isfinite(features.grad).all()

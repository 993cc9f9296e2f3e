"""One camera's convolutional encoders of several streams, on frames as they lie in memory."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fdp_policies.fast.linear import StackedLinear
from fdp_policies.networks.encoders import CnnEncoder, SpatialSoftmax
from fdp_policies.networks.normalizer import center_crop, stack_frames

#: The raw pixel value that is normalized to 0, which the plain network pads with.
MIDDLE = 127.5
#: Rows times streams that go through the convolutions at once on a CPU: the feature maps of more overflow its caches,
#: and sixteen rows take twice as long as two times eight.
PIECE_ROWS = 8


class StackedCnn:
    """The encoders of N streams that see the same camera; see `fdp_policies.networks.encoders.CnnEncoder`.

    The first convolution reads raw pixel values: x / 127.5 - 1 is folded into its weights, and its padding becomes a
    frame of the value that would be normalized to 0. The streams' filters stand side by side; the later convolutions
    work in groups, one a stream.
    """

    def __init__(self, encoders: Sequence[CnnEncoder], n_obs_steps: int, crop_size: int) -> None:
        self._streams, self._crop_size = len(encoders), crop_size
        first, second, third = (joined_convolutions(encoders, index) for index in (0, 2, 4))
        self._padding = cast("int", encoders[0].convolutions[0].padding[0])  # type: ignore[index]
        weight = first[0] / MIDDLE
        self._first_bias = first[1] - first[0].sum((1, 2, 3))
        # Channels of the plain network are (time, colour); memory holds (time, row, column, colour).
        split = weight.view(len(weight), n_obs_steps, -1, *weight.shape[2:]).transpose(1, 2)
        self._first = split.contiguous(memory_format=torch.channels_last_3d)
        self._first_flat = weight.contiguous(memory_format=torch.channels_last)
        self._second = (second[0].contiguous(memory_format=torch.channels_last), second[1])
        self._third = (third[0].contiguous(memory_format=torch.channels_last), third[1])
        self._keypoints = joined_keypoints([encoder.keypoints for encoder in encoders], crop_size)
        self._project = StackedLinear.of([cast("nn.Linear", encoder.project[0]) for encoder in encoders])

    def __call__(self, frames: Tensor) -> Tensor:
        """Encode raw frames (B, n_obs_steps, H, W, 3), values in [0, 255], to (N, B, feature_dim)."""
        rows, piece = len(frames), PIECE_ROWS // self._streams
        # Pieces of one size alone: the size can move a convolution's last bits.
        whole = frames.device.type != "cpu" or rows % piece != 0
        pieces = (frames,) if whole else torch.split(frames, piece)
        keypoints = torch.cat([self._keypoints(self._convolve(part)) for part in pieces])
        return functional.silu(self._project(keypoints.view(rows, self._streams, -1).transpose(0, 1)))

    def _convolve(self, frames: Tensor) -> Tensor:
        """Map raw frames (B, n_obs_steps, H, W, 3) to feature maps (B, N * C, S, S)."""
        padded = self._padded(frames)
        if padded.device.type == "cpu":
            # Depth of the kernel: all frames, so the result has a depth of one.
            spread = functional.conv3d(
                padded.permute(0, 4, 1, 2, 3), self._first, self._first_bias, stride=(1, 2, 2)
            ).squeeze(2)
        else:
            spread = functional.conv2d(stack_frames(padded), self._first_flat, self._first_bias, stride=2)
        features = functional.conv2d(spread.relu_(), *self._second, stride=2, padding=1, groups=self._streams)
        return functional.conv2d(features.relu_(), *self._third, padding=1, groups=self._streams)

    def _padded(self, frames: Tensor) -> Tensor:
        """Cut frames to their centre, as float32 in a border of `MIDDLE`."""
        margin = self._padding
        cropped = center_crop(frames, self._crop_size)
        batch, length, height, width, channels = cropped.shape
        padded = torch.full(
            (batch, length, height + 2 * margin, width + 2 * margin, channels), MIDDLE, device=frames.device
        )
        padded[:, :, margin : margin + height, margin : margin + width].copy_(cropped)
        return padded


def joined_convolutions(encoders: Sequence[CnnEncoder], index: int) -> tuple[Tensor, Tensor]:
    """Filters, shape (N * C, ...), and biases of all streams' convolutions at one place."""
    layers = [cast("nn.Conv2d", encoder.convolutions[index]) for encoder in encoders]
    biases = [cast("Tensor", layer.bias).detach() for layer in layers]
    return torch.cat([layer.weight.detach() for layer in layers]), torch.cat(biases)


def joined_keypoints(layers: Sequence[SpatialSoftmax], crop_size: int) -> SpatialSoftmax:
    """One spatial softmax over the channels of all streams."""
    sharpness = torch.cat([layer.sharpness.detach() for layer in layers])
    joined = SpatialSoftmax((crop_size + 3) // 4, len(sharpness)).to(sharpness.device)
    joined.sharpness.data.copy_(sharpness)
    return joined.requires_grad_(False)

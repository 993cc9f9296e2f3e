"""A transformer block of several streams in one pass; see `fdp_policies.networks.dit.DiTBlock` for what it computes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from fdp_policies.fast.linear import (
    PACKED_ROWS,
    AdaptiveLinear,
    PackedLinear,
    StackedLinear,
    can_pack,
    stacked_parameters,
)
from fdp_policies.networks.dit import DiTBlock

#: The tanh form of GELU is x * sigmoid(a x + b x^3) with these two, exactly: 2 sigmoid(2 u) = 1 + tanh(u).
GELU_LINEAR = 2 * math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715 * GELU_LINEAR


def normalize(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm of tokens (S, B, T, W), then a scale and a shift (S, B, 1, W); `scale` has its 1 added already."""
    width = tokens.shape[-1]
    return torch.addcmul(shift, torch.layer_norm(tokens, (width,), None, None, 1e-6), scale)


class StackedBlock:
    """The blocks at one depth of S streams."""

    def __init__(self, blocks: Sequence[DiTBlock]) -> None:
        self._heads = blocks[0].heads
        self._out = StackedLinear.of([block.out for block in blocks])
        self._mlp = StackedMlp(blocks)
        weight, bias = stacked_parameters([block.qkv for block in blocks])
        width = weight.shape[-1]
        # The scores' factor goes into the queries' weights.
        factor = weight.new_ones(3 * width)
        factor[:width] = (width // self._heads) ** -0.5
        self._qkv = AdaptiveLinear(weight * factor.unsqueeze(-1), bias * factor)

    def __call__(self, tokens: Tensor, modulation: Sequence[Tensor]) -> Tensor:
        """Map tokens (S, B, T, W) under six modulations (S, B, 1, W) to (S, B, T, W).

        Args:
            tokens: Tokens of all streams, contiguous.
            modulation: Shift, scale + 1 and gate of the attention, then of the perceptron.
        """
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = modulation
        tokens = torch.addcmul(tokens, gate_a, self._attend(normalize(tokens, shift_a, scale_a)))
        return torch.addcmul(tokens, gate_m, self._mlp(normalize(tokens, shift_m, scale_m)))

    def _attend(self, tokens: Tensor) -> Tensor:
        """Multi-head self-attention, (S, B, T, W) to (S, B, T, W)."""
        streams, batch, length, width = tokens.shape
        joint = self._qkv(tokens.view(streams, batch * length, width))
        split = joint.view(streams, batch, length, 3, self._heads, -1).permute(3, 0, 1, 4, 2, 5)
        query, key, value = split.reshape(3, -1, length, width // self._heads).unbind(0)
        # Transposed scores: softmax is several times as fast over a dimension that is not the last.
        attention = torch.bmm(key, query.transpose(1, 2)).softmax(1)
        mixed = torch.bmm(attention.transpose(1, 2), value)
        merged = mixed.view(streams, batch, self._heads, length, -1).transpose(2, 3)
        return self._out(merged.reshape(streams, batch * length, width)).view_as(tokens)


class StackedMlp:
    """The perceptrons at one depth of S streams: linear, GELU, linear."""

    def __init__(self, blocks: Sequence[DiTBlock]) -> None:
        up = stacked_parameters([block.mlp[0] for block in blocks])  # type: ignore[misc]
        down = stacked_parameters([block.mlp[2] for block in blocks])  # type: ignore[misc]
        self._on_cpu = up[0].device.type == "cpu"
        # On a CPU the sigmoid form of GELU takes half the time of torch's; its inner factor goes into the weights.
        factor = GELU_LINEAR if self._on_cpu else 1.0
        self._up = StackedLinear(up[0] * factor, up[1] * factor)
        self._down = StackedLinear(down[0] / factor, down[1])
        self._packed = (PackedLinear(*up, gelu=True), PackedLinear(*down)) if can_pack(up[0]) else None

    def __call__(self, tokens: Tensor) -> Tensor:
        """Map (S, B, T, W) to (S, B, T, W)."""
        rows = tokens.view(len(tokens), -1, tokens.shape[-1])
        if self._packed is not None and rows.shape[1] >= PACKED_ROWS:
            up, down = self._packed
            mixed = [down.stream(index, up.stream(index, one)) for index, one in enumerate(rows)]
            return torch.stack(mixed).view_as(tokens)
        hidden = self._up(rows)
        hidden = scaled_gelu(hidden) if self._on_cpu else functional.gelu(hidden, approximate="tanh")
        return self._down(hidden).view_as(tokens)


def scaled_gelu(scaled: Tensor) -> Tensor:
    """`GELU_LINEAR` times the tanh form of GELU of x, given z = `GELU_LINEAR` x: z * sigmoid(z + c z^3)."""
    inner = scaled * scaled
    torch.addcmul(scaled, inner, scaled, value=GELU_CUBIC / GELU_LINEAR**3, out=inner)
    return inner.sigmoid_().mul_(scaled)

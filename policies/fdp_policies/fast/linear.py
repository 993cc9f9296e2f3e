"""Linear layers of several streams in one operation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Rows from which oneDNN's product on packed weights beats the BLAS that torch calls otherwise. Its call costs some
#: 8 us more, and it is the one that uses 512-bit vectors on every processor that has them: at 64 rows it takes 0.6 of
#: MKL's time on an AMD Zen 5, at 32 rows 0.75, at 8 rows 1.2.
PACKED_ROWS = 32


class StackedLinear:
    """One linear layer of each of S streams: y[s] = x[s] W[s]^T + b[s].

    Args of the constructor:
        weight: Shape (S, N, K).
        bias: Shape (S, N).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = weight.detach().contiguous()
        self._transposed = self._weight.transpose(1, 2)
        self._bias = bias.detach().unsqueeze(1).contiguous()

    @classmethod
    def of(cls, layers: Sequence[nn.Linear]) -> "StackedLinear":
        """Stack layers of equal shape."""
        return cls(*stacked_parameters(layers))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (S, M, K) to (S, M, N)."""
        if len(self._weight) == 1:
            return functional.linear(inputs, self._weight[0], self._bias[0, 0])
        return torch.baddbmm(self._bias, inputs, self._transposed)


class PackedLinear:
    """The same for many rows on a CPU: oneDNN on weights in its own layout, one product a stream.

    Args of the constructor:
        weight: Shape (S, N, K).
        bias: Shape (S, N).
        gelu: Whether the tanh form of GELU is applied to the result.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, gelu: bool = False) -> None:
        # Packed for a fixed number of rows: the layout, and so the rounding, must not depend on who asked first.
        self._packed = [
            torch.ops.mkldnn._reorder_linear_weight(one.detach().contiguous(), PACKED_ROWS) for one in weight
        ]
        self._bias = list(bias.detach())
        self._activation: tuple[str, list[float], str] = ("gelu", [], "tanh") if gelu else ("none", [], "")

    def stream(self, index: int, inputs: Tensor) -> Tensor:
        """Map one stream's (M, K) to (M, N)."""
        outputs: Tensor = torch.ops.mkldnn._linear_pointwise.default(
            inputs, self._packed[index], self._bias[index], *self._activation
        )
        return outputs

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (S, M, K) to (S, M, N)."""
        if len(self._packed) == 1:
            return self.stream(0, inputs[0]).unsqueeze(0)
        return torch.stack([self.stream(index, one) for index, one in enumerate(inputs)])


class AdaptiveLinear:
    """`PackedLinear` from `PACKED_ROWS` rows on where there is oneDNN, else `StackedLinear`."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._few = StackedLinear(weight, bias)
        self._many = PackedLinear(weight, bias) if can_pack(weight) else None

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (S, M, K) to (S, M, N)."""
        if self._many is not None and inputs.shape[1] >= PACKED_ROWS:
            return self._many(inputs)
        return self._few(inputs)


def can_pack(weight: Tensor) -> bool:
    """Whether weights can be packed: on a CPU, with a torch whose oneDNN operations are the known ones.

    They are the operations that torch's own compiler emits for frozen CPU networks, yet not part of its public face,
    so a torch without them must do.
    """
    operations = ("_reorder_linear_weight", "_linear_pointwise")
    return (
        weight.device.type == "cpu"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in operations)
    )


def stacked_parameters(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Weights, shape (S, N, K), and biases, shape (S, N), of layers of equal shape."""
    return torch.stack([layer.weight for layer in layers]), torch.stack([layer.bias for layer in layers])

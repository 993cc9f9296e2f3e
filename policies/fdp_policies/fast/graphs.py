"""CUDA graphs: a function of tensors recorded once for each shape of its inputs, then replayed."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

Inputs = Mapping[str, Tensor]
#: One tensor, or several of which each has its own meaning.
Outputs = TypeVar("Outputs", Tensor, tuple[Tensor, ...])
#: Shapes that stay recorded; the runner always asks with one, so more than this is somebody's experiment.
_HELD = 8
#: Calls before a recording: libraries choose algorithms and take their workspaces in the first ones.
_WARM_UP_CALLS = 3


@dataclass(frozen=True)
class _Recording(Generic[Outputs]):
    graph: "torch.cuda.CUDAGraph"
    inputs: dict[str, Tensor]
    output: Outputs


class GraphReplay(Generic[Outputs]):
    """Runs a function on a CUDA device by replaying graphs; where none can be recorded, it warns and calls plainly.

    Args of the constructor:
        function: Maps tensors on the device to a tensor or several, without looking at their values on the host.
        device: The CUDA device.
    """

    def __init__(self, function: Callable[[Inputs], Outputs], device: torch.device) -> None:
        self._function: Callable[[Inputs], Outputs] = function
        self._device = device
        self._recordings: OrderedDict[object, _Recording[Outputs] | None] = OrderedDict()

    def __call__(self, inputs: Inputs) -> Outputs:
        """Compute the function of inputs in host memory or on the device.

        Returns:
            The result, on the device; its own memory, so that a later call leaves it alone.
        """
        shapes = tuple((name, tuple(value.shape), value.dtype) for name, value in sorted(inputs.items()))
        if shapes not in self._recordings:
            self._recordings[shapes] = self._record(inputs)
            if len(self._recordings) > _HELD:
                self._recordings.popitem(last=False)
        recording = self._recordings[shapes]
        self._recordings.move_to_end(shapes)
        if recording is None:
            return self._function({name: value.to(self._device) for name, value in inputs.items()})
        for name, value in inputs.items():
            recording.inputs[name].copy_(value)
        recording.graph.replay()
        return _cloned(recording.output)

    def _record(self, inputs: Inputs) -> _Recording[Outputs] | None:
        # Named, so that the recording keeps its buffers alive.
        buffers = {name: value.to(self._device, copy=True) for name, value in inputs.items()}
        try:
            return self._captured(buffers)
        except RuntimeError as error:
            warnings.warn(
                f"no CUDA graph could be recorded ({str(error).partition(chr(10))[0]}); sampling goes on without, more "
                "slowly and with the same result",
                RuntimeWarning,
                stacklevel=2,
            )
            return None

    def _captured(self, buffers: dict[str, Tensor]) -> _Recording[Outputs]:
        with torch.cuda.device(self._device):
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UP_CALLS):
                    self._function(buffers)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                output = self._function(buffers)
        return _Recording(graph, buffers, output)


def _cloned(output: Outputs) -> Outputs:
    return output.clone() if isinstance(output, Tensor) else tuple(part.clone() for part in output)


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Convolve in full float32 by deterministic algorithms on a GPU, whose default is TF32; nothing on a CPU."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield

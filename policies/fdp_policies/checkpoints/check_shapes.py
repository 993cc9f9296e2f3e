"""Whether a checkpoint's tensors are those of the network that its card describes, found out without their memory."""

from collections.abc import Callable

import torch
from torch import nn

from fdp_bench.api import CheckpointError
from fdp_policies.checkpoints.checkpoint import Checkpoint


def check_fits(checkpoint: Checkpoint, build: Callable[[], nn.Module]) -> None:
    """Hold the header of a weights file to a network that is made of shapes alone.

    Args:
        checkpoint: The checkpoint.
        build: Makes its network, frozen parts that lie in other files included.

    Raises:
        CheckpointError: If a tensor is missing, extra, or of another shape.
    """
    declared = {name: tensor.shape for name, tensor in checkpoint.header().items()}
    with torch.device("meta"):
        network = build()
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    elsewhere = tuple(checkpoint.parts)
    wanted = {name: shape for name, shape in wanted.items() if not name.startswith(elsewhere)}
    for name in sorted(wanted.keys() | declared.keys()):
        if wanted.get(name) != declared.get(name):
            raise CheckpointError(
                f"the weights in {checkpoint.path} do not fit their card: {name[:60]} is {declared.get(name)}, and the "
                f"card's network has {wanted.get(name)}"
            )

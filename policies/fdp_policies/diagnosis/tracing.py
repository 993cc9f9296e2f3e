"""How much a residual adds to its base, step by step and joint by joint, by the plain modules."""

import numpy as np
import torch
from torch import Tensor

from fdp_bench.api import Contribution
from fdp_policies.denoisers import Codes, FactorizedDenoiser
from fdp_policies.diffusion import Sampler


def joint_names(denoiser: FactorizedDenoiser) -> tuple[str, ...]:
    """Where the residual's stream joins the base's: ``"embedding"``, ``"block 1"``, ...; () for summed scores."""
    if denoiser.composition == "score":
        return ()
    return ("embedding", *(f"block {number}" for number in range(1, len(denoiser.base.trunk.blocks) + 1)))


@torch.no_grad()
def trace_contribution(
    denoiser: FactorizedDenoiser, sampler: Sampler, codes: Codes, noise: Tensor
) -> Contribution:
    """Denoise chunks by the composition and measure at each step what the residual adds.

    Args:
        denoiser: The composition.
        sampler: The reverse process.
        codes: Encoded observations of B rows.
        noise: Standard normal noise, shape (B, draws, T, A).
    """
    steps, streams, changes = [], [], []

    def predict(noisy_actions: Tensor, step: Tensor) -> Tensor:
        composed, ratios = _traced(denoiser, noisy_actions, step, codes)
        base = denoiser.base.trunk(noisy_actions, step, codes[0])
        steps.append(int(step[0]))
        streams.append(ratios)
        changes.append(_ratio(composed - base, base))
        return composed

    sampler.sample(predict, noise)
    return Contribution(
        steps=tuple(steps),
        joints=joint_names(denoiser),
        streams=np.array(streams, dtype=np.float64).reshape(len(steps), -1),
        noise=np.array(changes, dtype=np.float64),
    )


def _traced(
    denoiser: FactorizedDenoiser, noisy_actions: Tensor, step: Tensor, codes: Codes
) -> tuple[Tensor, list[float]]:
    """Predicted noise, and the norm of each Z h_r over that of the base's stream, measured by hooks on Z."""
    added: list[Tensor] = []
    layers = () if denoiser.composition == "score" else denoiser.zero_layers
    hooks = [layer.register_forward_hook(lambda _module, _inputs, out: added.append(out)) for layer in layers]
    # The base's stream before a joint is what goes on after it, less what was added there; what goes on is what
    # the next block or the head is given.
    received: list[Tensor] = []
    if layers:
        trunk = denoiser.base.trunk
        hooks += [
            module.register_forward_pre_hook(lambda _module, inputs: received.append(inputs[0]))
            for module in (*trunk.blocks, trunk.head)
        ]
    try:
        predicted = denoiser.predict_noise(noisy_actions, step, codes)
    finally:
        for hook in hooks:
            hook.remove()
    ratios = [_ratio(part, whole - part) for part, whole in zip(added, received, strict=True)]
    return predicted, ratios


def _ratio(part: Tensor, whole: Tensor) -> float:
    """Norm over norm, each over all rows; 0 where both are."""
    size = float(whole.double().square().sum().sqrt())
    return float(part.double().square().sum().sqrt()) / size if size else 0.0

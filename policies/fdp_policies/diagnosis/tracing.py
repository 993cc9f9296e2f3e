"""How much a residual adds to its base, step by step and joint by joint, by the plain modules."""

import numpy as np
import torch
from torch import Tensor

from fdp_bench.api import Contribution
from fdp_policies.diffusion import Sampler
from fdp_policies.networks.backbones import Factorized
from fdp_policies.networks.denoisers import Codes, FactorizedDenoiser
from fdp_policies.networks.unet_denoisers import FactorizedUnet


def joint_names(denoiser: Factorized) -> tuple[str, ...]:
    """Where the residual's stream joins the base's: ``"embedding"``, ``"block 1"``, ...; () for summed scores.

    A U-Net's are ``"stage 1"``, ...
    """
    if denoiser.composition == "score":
        return ()
    if isinstance(denoiser, FactorizedUnet):
        return tuple(f"stage {number}" for number in range(1, len(denoiser.zero_layers) + 1))
    return ("embedding", *(f"block {number}" for number in range(1, len(denoiser.base.trunk.blocks) + 1)))


@torch.no_grad()
def trace_contribution(denoiser: Factorized, sampler: Sampler, codes: Codes, noise: Tensor) -> Contribution:
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
    denoiser: Factorized, noisy_actions: Tensor, step: Tensor, codes: Codes
) -> tuple[Tensor, list[float]]:
    """Predicted noise, and the norm of each Z h_r over that of the base's stream, measured by hooks on Z."""
    if isinstance(denoiser, FactorizedUnet) and denoiser.composition == "block":
        return _traced_unet(denoiser, noisy_actions, step, codes)
    added: list[Tensor] = []
    layers = () if denoiser.composition == "score" else denoiser.zero_layers
    hooks = [layer.register_forward_hook(lambda _module, _inputs, out: added.append(out)) for layer in layers]
    # The base's stream before a joint is what goes on after it, less what was added there; what goes on is what
    # the next block or the head is given.
    received: list[Tensor] = []
    if isinstance(denoiser, FactorizedDenoiser) and layers:
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


def _traced_unet(
    denoiser: FactorizedUnet, noisy_actions: Tensor, step: Tensor, codes: Codes
) -> tuple[Tensor, list[float]]:
    """The same for a U-Net: a stage of the base gives its stream before the joint, since Z is added behind it."""
    added: list[Tensor] = []
    streams: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, out: added.append(out))
        for layer in denoiser.zero_layers
    ]
    hooks += [
        stage.register_forward_hook(lambda _module, _inputs, out: streams.append(out))
        for stage in denoiser.base.trunk.stages
    ]
    try:
        predicted = denoiser.predict_noise(noisy_actions, step, codes)
    finally:
        for hook in hooks:
            hook.remove()
    return predicted, [_ratio(part, whole) for part, whole in zip(added, streams, strict=True)]


def _ratio(part: Tensor, whole: Tensor) -> float:
    """Norm over norm, each over all rows; 0 where both are."""
    size = float(whole.double().square().sum().sqrt())
    return float(part.double().square().sum().sqrt()) / size if size else 0.0

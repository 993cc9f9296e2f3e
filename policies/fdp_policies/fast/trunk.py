"""The denoising transformers of all streams: modulations of all steps up front, then one pass a step."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fdp_policies.fast.block import StackedBlock, normalize
from fdp_policies.fast.linear import AdaptiveLinear, StackedLinear
from fdp_policies.networks.backbones import Network
from fdp_policies.networks.denoisers import FactorizedDenoiser, FactorizedNetwork, SingleDenoiser, where_kept
from fdp_policies.networks.dit import DiT, DiTBlock
from fdp_policies.networks.mixtures import Mixture

#: Modulations of each denoising step, each a sequence of tensors (S, B, 1, W): six a block, two of the head.
Modulations = Sequence[Sequence[Tensor]]


def streams_of(denoiser: Network) -> list[SingleDenoiser]:
    """The networks that run side by side: one, an FDP's base and residual, or all experts."""
    if isinstance(denoiser, Mixture):
        return list(denoiser.experts)
    if isinstance(denoiser, FactorizedNetwork):
        return [denoiser.base, denoiser.residual]
    return [denoiser]


def zero_layers_of(denoiser: Network) -> list[nn.Linear]:
    """The Z layers of a composition by blocks; none for anything else."""
    if isinstance(denoiser, FactorizedDenoiser) and denoiser.composition == "block":
        return cast("list[nn.Linear]", list(denoiser.zero_layers))
    return []


class StackedTrunk:
    """Predicts noise at a fixed sequence of diffusion steps."""

    def __init__(self, denoiser: Network, steps: Sequence[int]) -> None:
        """Stack the weights of a denoiser.

        Args:
            denoiser: Its networks must be transformers of equal shape.
            steps: Diffusion steps that the sampler visits.
        """
        trunks = [cast("DiT", stream.trunk) for stream in streams_of(denoiser)]
        zero_layers = zero_layers_of(denoiser)
        self._steps = torch.stack([embedded_steps(trunk, steps) for trunk in trunks])
        self._modulate = AdaptiveLinear(*modulation_parameters(trunks))
        self._embed, self._position = embedding_parameters(trunks, zero_layers[:1])
        # The first stream's own embedding, without what the first Z layer adds.
        self._base_embed, self._base_position = embedding_parameters(trunks[:1], ())
        blocks = [cast("list[DiTBlock]", list(trunk.blocks)) for trunk in trunks]
        self._blocks = [StackedBlock(layer) for layer in zip(*blocks, strict=True)]
        self._zero = [StackedLinear.of([layer]) for layer in zero_layers[1:]]
        # The first streams are the ones that have a head: a composition by blocks leaves by the base's alone.
        heads = [trunk.head for trunk in trunks if trunk.head is not None]
        self._project, self._heads = StackedLinear.of([head.project for head in heads]), len(heads)

    def modulations(self, codes: Tensor) -> Modulations:
        """Compute the modulations of all steps from encoded observations, shape (S, B, W)."""
        streams, batch, width = codes.shape
        condition = functional.silu(self._steps.unsqueeze(2) + codes.unsqueeze(1))
        joint = self._modulate(condition.view(streams, -1, width))
        per_step = joint.view(streams, -1, batch, joint.shape[-1] // width, 1, width).unbind(1)
        return [step.unbind(2) for step in per_step]

    def predict_noise(
        self,
        actions: Tensor,
        modulation: Sequence[Tensor],
        weights: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> Tensor:
        """Predict the noise in actions (B, T, A) at the step of these modulations.

        What several heads predict is summed, under weights (S, B, 1, 1) where there are any. `kept`
        says which rows of an FDP keep their residual, shape (B, 1, 1); None for all.
        """
        batch, length, action_dim = actions.shape
        flat = actions.reshape(1, -1, action_dim)
        tokens = self._embedded(flat, batch, length)
        if self._zero and kept is not None:
            own = torch.bmm(flat, self._base_embed).view(batch, length, -1) + self._base_position[0]
            tokens[0] = torch.where(kept, tokens[0], own)
        for index, block in enumerate(self._blocks):
            tokens = block(tokens, modulation[6 * index : 6 * index + 6])
            if self._zero:
                base, residual = tokens.unbind(0)
                base.add_(where_kept(self._zero[index](residual), kept))
        heads = self._heads
        tokens = normalize(tokens[:heads], modulation[-2][:heads], modulation[-1][:heads])
        noise = self._project(tokens.view(heads, batch * length, -1))
        if weights is not None:
            noise = noise.view(heads, batch, length, -1) * weights
        if kept is not None and not self._zero:
            noise = noise.view(heads, batch, length, -1)
            noise = torch.stack([noise[0], where_kept(noise[1], kept)])
        return (noise[0] if heads == 1 else noise.sum(0)).view_as(actions)

    def _embedded(self, actions: Tensor, batch: int, length: int) -> Tensor:
        """Embed actions (1, B * T, A) to tokens (S, B, T, W)."""
        streams = len(self._embed)
        embedded = torch.bmm(actions.expand(streams, -1, -1), self._embed)
        return embedded.view(streams, batch, length, -1).add_(self._position)


def embedded_steps(trunk: DiT, steps: Sequence[int]) -> Tensor:
    """What a trunk makes of diffusion steps before the observation is added, shape (K, W)."""
    return trunk.embedded_step(torch.tensor(steps, device=trunk.frequencies.device))


def modulation_parameters(trunks: Sequence[DiT]) -> tuple[Tensor, Tensor]:
    """Weights, (S, (6 D + 2) W, W), and biases of all modulations of D blocks and the head; scales get their 1.

    A trunk without a head gets zeros for it.
    """
    weights, biases = [], []
    for trunk in trunks:
        blocks = cast("list[DiTBlock]", list(trunk.blocks))
        layers = [block.modulation for block in blocks]
        width = layers[0].in_features
        head = trunk.head.modulation if trunk.head is not None else None
        head_weight = layers[0].weight.new_zeros(2 * width, width) if head is None else head.weight
        head_bias = layers[0].bias.new_zeros(2 * width) if head is None else head.bias
        weights.append(torch.cat([*(layer.weight for layer in layers), head_weight]))
        bias = torch.cat([*(layer.bias for layer in layers), head_bias]).view(-1, width)
        # Of a block's six the second and the fifth are scales; of the head's two the second.
        scales = [6 * index + part for index in range(len(blocks)) for part in (1, 4)]
        one = torch.zeros_like(bias)
        one[[*scales, 6 * len(blocks) + 1]] = 1.0
        biases.append((bias + one).flatten())
    return torch.stack(weights), torch.stack(biases)


def embedding_parameters(trunks: Sequence[DiT], zero_layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Weights, shape (S, A, W), and positions with biases, shape (S, 1, T, W), of the embeddings.

    With a Z layer the first stream's embedding is its own plus Z of the second's, which is linear in the actions too.
    """
    weights = [trunk.embed_action.weight for trunk in trunks]
    positions = [trunk.embed_action.bias + trunk.position for trunk in trunks]
    for zero in zero_layers:
        weights[0] = weights[0] + zero.weight @ weights[1]
        positions[0] = positions[0] + functional.linear(positions[1], zero.weight, zero.bias)
    return torch.stack([weight.T for weight in weights]).contiguous(), torch.stack(positions)

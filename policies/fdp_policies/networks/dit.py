"""The denoising transformer: DiT blocks with adaptive layer norm (Peebles and Xie 2023)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from fdp_policies.config import NetworkConfig


def modulate(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Shift and scale tokens (B, T, W) by per-sample vectors (B, W)."""
    return torch.addcmul(shift.unsqueeze(1), tokens, 1 + scale.unsqueeze(1))


class DiTBlock(nn.Module):
    """One transformer block whose layer norms are shifted, scaled and gated by the condition.

    With `zero_gate` the modulation starts at zero (adaLN-Zero), so the block starts as the identity.
    """

    def __init__(self, width: int, heads: int, *, zero_gate: bool) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.norm_mlp = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )
        self.modulation = nn.Linear(width, 6 * width)
        if zero_gate:
            nn.init.zeros_(self.modulation.weight)
            nn.init.zeros_(self.modulation.bias)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Map tokens (B, T, W) under a condition (B, W) to (B, T, W)."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(condition).chunk(6, dim=-1)
        normed = modulate(self.norm_attention(tokens), shift_a, scale_a)
        tokens = tokens + gate_a.unsqueeze(1) * self.attend(normed)
        normed = modulate(self.norm_mlp(tokens), shift_m, scale_m)
        mixed: Tensor = tokens + gate_m.unsqueeze(1) * self.mlp(normed)
        return mixed

    def attend(self, tokens: Tensor) -> Tensor:
        """Multi-head self-attention, (B, T, W) to (B, T, W)."""
        batch, length, width = tokens.shape
        query, key, value = self.qkv(tokens).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # Chunks are so short that plain products take half the time of a fused attention kernel on a CPU.
        scores = (query @ key.transpose(-1, -2)) * (width // self.heads) ** -0.5
        mixed = scores.softmax(dim=-1) @ value
        attended: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return attended


class Head(nn.Module):
    """Last adaptive layer norm and projection to the predicted noise."""

    def __init__(self, width: int, action_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.modulation = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, action_dim)
        for layer in (self.modulation, self.project):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Map tokens (B, T, W) under a condition (B, W) to predicted noise (B, T, A)."""
        shift, scale = self.modulation(condition).chunk(2, dim=-1)
        noise: Tensor = self.project(modulate(self.norm(tokens), shift, scale))
        return noise


class DiT(nn.Module):
    """A stack of blocks over the action chunk; its pieces are public so that a residual can join them.

    Args of the constructor:
        action_dim: Number of action components A.
        config: The network's shape.
        zero_gate: Whether the blocks start as the identity (adaLN-Zero). A residual starts with its usual non-zero
            weights, since its zero-initialized output layers already silence it (docs/design.md, "Architecture").
    """

    def __init__(self, action_dim: int, config: NetworkConfig, *, zero_gate: bool = True) -> None:
        super().__init__()
        width = config.width
        self.embed_action = nn.Linear(action_dim, width)
        self.position = nn.Parameter(torch.randn(1, config.horizon, width) * 0.02)
        self.embed_step = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            DiTBlock(width, config.heads, zero_gate=zero_gate) for _ in range(config.depth)
        )
        self.head = Head(width, action_dim)
        half = width // 2
        # Sinusoidal features of the diffusion step (Vaswani et al. 2017).
        self.register_buffer(
            "frequencies", torch.exp(-math.log(10_000.0) * torch.arange(half) / half), persistent=False
        )

    frequencies: Tensor

    def embed(self, noisy_actions: Tensor) -> Tensor:
        """Embed noisy actions (B, T, A) to tokens (B, T, W)."""
        tokens: Tensor = self.embed_action(noisy_actions)
        return tokens + self.position

    def condition(self, step: Tensor, observation_code: Tensor) -> Tensor:
        """Join diffusion step (B,) and encoded observation (B, W) to a condition (B, W)."""
        return functional.silu(self.embedded_step(step) + observation_code)

    def embedded_step(self, step: Tensor) -> Tensor:
        """Embed diffusion steps (B,) to vectors (B, W)."""
        angles = step.float().unsqueeze(-1) * self.frequencies
        embedded: Tensor = self.embed_step(torch.cat([angles.cos(), angles.sin()], dim=-1))
        return embedded

    def forward(self, noisy_actions: Tensor, step: Tensor, observation_code: Tensor) -> Tensor:
        """Predict the noise in (B, T, A) at steps (B,) given encoded observations (B, W)."""
        condition = self.condition(step, observation_code)
        tokens = self.embed(noisy_actions)
        for block in self.blocks:
            tokens = block(tokens, condition)
        noise: Tensor = self.head(tokens, condition)
        return noise

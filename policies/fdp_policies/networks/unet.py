"""Diffusion Policy's 1-D convolutional U-Net over an action chunk (Chi et al. 2023, arXiv 2303.04137)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from fdp_policies.config import NetworkConfig

#: Kernel and groups of the paper's image policies (their ``train_diffusion_unet_image_workspace.yaml``).
KERNEL, GROUPS = 5, 8


class ConvolutionBlock(nn.Module):
    """Convolution over time, group norm, Mish; (B, C, T) to (B, C', T)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, KERNEL, padding=KERNEL // 2)
        self.norm = nn.GroupNorm(GROUPS, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, T) to (B, C', T)."""
        return functional.mish(self.norm(self.convolution(features)))


class ConditionalBlock(nn.Module):
    """Two convolutions with a bypass; between them every channel is scaled and shifted by the condition.

    The scale and shift are FiLM (Perez et al. 2018), as in the paper's ``cond_predict_scale``.
    """

    def __init__(self, inputs: int, outputs: int, condition_dim: int) -> None:
        super().__init__()
        self.first = ConvolutionBlock(inputs, outputs)
        self.second = ConvolutionBlock(outputs, outputs)
        self.modulation = nn.Linear(condition_dim, 2 * outputs)
        self.bypass = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map features (B, C, T) under a condition (B, K) to (B, C', T)."""
        scale, shift = self.modulation(condition).unsqueeze(-1).chunk(2, dim=1)
        mixed: Tensor = self.second(self.first(features) * scale + shift)
        bypassed: Tensor = self.bypass(features)
        return mixed + bypassed


class Stage(nn.Module):
    """Two conditional blocks at one resolution, with what changes the resolution before or behind them."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        condition_dim: int,
        *,
        before: nn.Module | None = None,
        behind: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.before = before or nn.Identity()
        self.first = ConditionalBlock(inputs, outputs, condition_dim)
        self.second = ConditionalBlock(outputs, outputs, condition_dim)
        self.behind = behind or nn.Identity()

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map features (B, C, T) under a condition (B, K) to (B, C', T')."""
        features = self.first(self.before(features), condition)
        changed: Tensor = self.behind(self.second(features, condition))
        return changed


class ConditionalUnet(nn.Module):
    """The U-Net of Diffusion Policy: predicts the noise in (B, T, A) at steps (B,), given codes (B, W).

    Its channels, W / 2 at the chunk's own resolution and W at half of it, are fewer than the paper's (256, 512, 1024),
    so that it has about as many parameters as the transformer that it is compared with; the chunk is half as long
    too, so two resolutions leave the deepest convolutions as much to see as the paper's three. All else is the
    paper's: the order of layers, Mish, group norm, FiLM by step and observation side by side, strided and transposed
    convolutions between resolutions.

    Attributes:
        stages: Down the resolutions, the middle, and up again; `advance` walks them.
        widths: Channels behind each stage.
    """

    def __init__(self, action_dim: int, config: NetworkConfig) -> None:
        super().__init__()
        width, channels = config.width, unet_channels(config)
        condition_dim = 2 * width
        self.embed_step = nn.Sequential(nn.Linear(width, 4 * width), nn.Mish(), nn.Linear(4 * width, width))
        deepest = channels[-1]
        down = [Stage(action_dim, channels[0], condition_dim)]
        for shallow, deep in pairwise(channels):
            halve = nn.Conv1d(shallow, shallow, 3, stride=2, padding=1)
            down.append(Stage(shallow, deep, condition_dim, before=halve))
        up = []
        for shallow, deep in reversed(list(pairwise(channels))):
            double = nn.ConvTranspose1d(shallow, shallow, 4, stride=2, padding=1)
            up.append(Stage(2 * deep, shallow, condition_dim, behind=double))
        self.stages = nn.ModuleList([*down, Stage(deepest, deepest, condition_dim), *up])
        self.middle = len(down)
        self.widths = (*channels, deepest, *reversed(channels[:-1]))
        self.head = nn.Sequential(
            ConvolutionBlock(channels[0], channels[0]), nn.Conv1d(channels[0], action_dim, 1)
        )
        half = width // 2
        # Sinusoidal features of the diffusion step (Vaswani et al. 2017).
        self.register_buffer(
            "frequencies", torch.exp(-math.log(10_000.0) * torch.arange(half) / (half - 1)), persistent=False
        )

    frequencies: Tensor

    def condition(self, step: Tensor, observation_code: Tensor) -> Tensor:
        """Join diffusion steps (B,) and encoded observations (B, W) to a condition (B, 2 W)."""
        angles = step.float().unsqueeze(-1) * self.frequencies
        embedded = self.embed_step(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return functional.mish(torch.cat([embedded.float(), observation_code.float()], dim=-1))

    def embed(self, noisy_actions: Tensor) -> Tensor:
        """Turn noisy actions (B, T, A) to features (B, A, T): time is what is convolved over."""
        return noisy_actions.transpose(1, 2)

    def advance(self, index: int, features: Tensor, skipped: list[Tensor], condition: Tensor) -> Tensor:
        """Apply one stage.

        Args:
            index: Which, from 0.
            features: What the stage before it gave, shape (B, C, T).
            skipped: What `keep` kept, which a stage on the way up takes from its end.
            condition: Shape (B, 2 W).
        """
        if index > self.middle:
            features = torch.cat([features, skipped.pop()], dim=1)
        advanced: Tensor = self.stages[index](features, condition)
        return advanced

    def keep(self, index: int, features: Tensor, skipped: list[Tensor]) -> None:
        """Keep what a stage on the way down gave for the way up."""
        # As in the paper's code, the way up begins at the deepest stage and needs none of the shallowest.
        if 0 < index < self.middle:
            skipped.append(features)

    def leave(self, features: Tensor) -> Tensor:
        """Map the last stage's features (B, C, T) to predicted noise (B, T, A)."""
        noise: Tensor = self.head(features).transpose(1, 2)
        return noise

    def forward(self, noisy_actions: Tensor, step: Tensor, observation_code: Tensor) -> Tensor:
        """Predict the noise in (B, T, A) at steps (B,) given encoded observations (B, W)."""
        condition = self.condition(step, observation_code)
        features = self.embed(noisy_actions)
        skipped: list[Tensor] = []
        for index in range(len(self.stages)):
            features = self.advance(index, features, skipped, condition)
            self.keep(index, features, skipped)
        return self.leave(features)


def unet_channels(config: NetworkConfig) -> tuple[int, ...]:
    """Channels at each resolution, the chunk's own first."""
    return (config.width // 2, config.width)

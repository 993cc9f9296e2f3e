"""Observation encoders: a feature vector for each observation key."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fdp_bench.api import image_keys
from fdp_policies.config import NetworkConfig


class SpatialSoftmax(nn.Module):
    """Expected image coordinates of each channel's activation (Finn et al. 2016, "Deep Spatial Autoencoders").

    Input (B, C, H, W) with H = W, output (B, 2C) in [-1, 1]: x and y of each channel. Activations are brought to
    unit variance over the picture first and sharpened by a learned inverse temperature a channel. Without that a
    fresh network attends to everything alike, its coordinates hardly move with the picture, and a residual behind
    zero-initialized layers finds nothing in them to follow.
    """

    initial_sharpness = 2.0

    def __init__(self, side: int, channels: int) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.full((channels, 1), self.initial_sharpness))
        line = torch.linspace(-1.0, 1.0, side)
        y, x = torch.meshgrid(line, line, indexing="ij")
        self.register_buffer("coordinates", torch.stack([x, y], dim=-1).view(-1, 2), persistent=False)

    coordinates: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2C)."""
        # Channels stay last, as the convolutions leave them, and the deviation is taken in two plain passes:
        # torch.std_mean is several times as slow on a CPU as all the rest together.
        flat = features.permute(0, 2, 3, 1).flatten(1, 2).float()
        centered = flat - flat.mean(1, keepdim=True)
        variance = centered.square().sum(1, keepdim=True) / (flat.shape[1] - 1)
        # A channel that is the same everywhere has no slope to follow; the root's would be infinite there.
        deviation = variance.clamp_min(1e-12).sqrt()
        attention = (centered * (self.sharpness.view(-1) / (deviation + 1e-5))).softmax(1)
        return (self.coordinates.T @ attention).transpose(1, 2).flatten(1)


class CnnEncoder(nn.Module):
    """Three convolutions and a spatial softmax; the frames of one camera are stacked along channels.

    Input (B, n_obs_steps * 3, S, S) in [-1, 1], output (B, feature_dim).
    """

    keypoint_count = 32

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = 3 * config.n_obs_steps
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 32, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, self.keypoint_count, 3, padding=1),
        )
        side = (config.crop_size + 3) // 4  # two strides of 2, each rounding up
        self.keypoints = SpatialSoftmax(side, self.keypoint_count)
        self.project = nn.Sequential(nn.Linear(2 * self.keypoint_count, config.feature_dim), nn.SiLU())

    def forward(self, frames: Tensor) -> Tensor:
        """Encode stacked frames, (B, n_obs_steps * 3, S, S), to (B, feature_dim)."""
        features: Tensor = self.project(self.keypoints(self.convolutions(frames)))
        return features


class VitEncoder(nn.Module):
    """A small vision transformer: 8x8 patches of the stacked frames, two layers, mean over patches.

    Input (B, n_obs_steps * 3, S, S) in [-1, 1] with S a multiple of 8, output (B, feature_dim).
    """

    patch = 8

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = 96
        patches = (config.crop_size // self.patch) ** 2
        self.embed = nn.Conv2d(3 * config.n_obs_steps, width, self.patch, stride=self.patch)
        self.position = nn.Parameter(torch.randn(1, patches, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, nhead=4, dim_feedforward=2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.project = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.feature_dim), nn.SiLU())

    def forward(self, frames: Tensor) -> Tensor:
        """Encode stacked frames, (B, n_obs_steps * 3, S, S), to (B, feature_dim)."""
        tokens = self.embed(frames).flatten(2).transpose(1, 2) + self.position
        features: Tensor = self.project(self.layers(tokens).mean(1))
        return features


class VectorEncoder(nn.Module):
    """A two-layer perceptron over the stacked low-dimensional observations of one key.

    Input (B, n_obs_steps, D), output (B, feature_dim).
    """

    def __init__(self, dim: int, config: NetworkConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim * config.n_obs_steps, 2 * config.feature_dim),
            nn.SiLU(),
            nn.Linear(2 * config.feature_dim, config.feature_dim),
            nn.SiLU(),
        )

    def forward(self, values: Tensor) -> Tensor:
        """Encode (B, n_obs_steps, D) to (B, feature_dim)."""
        features: Tensor = self.layers(values.flatten(1))
        return features


class ObservationEncoder(nn.Module):
    """Encodes the keys it was made for, in sorted order, to one condition vector, (B, width)."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], config: NetworkConfig) -> None:
        """Make the encoders.

        Args:
            shapes: Observation key -> shape of one observation; the keys that this network reads.
            config: The network's shape.
        """
        super().__init__()
        self.keys = tuple(sorted(shapes))
        self.cameras = image_keys(self.keys)
        image_encoder = {"cnn": CnnEncoder, "vit": VitEncoder}[config.encoder]
        self.encoders = nn.ModuleDict(
            {
                module_name(key): image_encoder(config)
                if key in self.cameras
                else VectorEncoder(shapes[key][0], config)
                for key in self.keys
            }
        )
        self.fuse = nn.Linear(config.feature_dim * len(self.keys), config.width)

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Encode normalized observations.

        Args:
            observation: Key -> normalized tensor; images (B, n_obs_steps * 3, S, S), others (B, n_obs_steps, D).

        Returns:
            Condition, shape (B, width).
        """
        return self.join(self.features(observation))

    def features(self, observation: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Encode each key by itself, to (B, feature_dim); see `forward`."""
        return {key: self.encoders[module_name(key)](observation[key]) for key in self.keys}

    def join(self, features: Mapping[str, Tensor]) -> Tensor:
        """Join the features of all keys to the condition, (B, width)."""
        condition: Tensor = self.fuse(torch.cat([features[key].float() for key in self.keys], dim=-1))
        return condition


def module_name(key: str) -> str:
    """Observation key as a module's name; torch allows no dots."""
    return key.replace(".", "_")

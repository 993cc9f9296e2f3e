"""What the toy world's policies are asked with, and its demonstrations."""

import numpy as np

from fdp_bench.demos.dataset import Demonstration

#: Side of the toy's frames, pixels.
SIDE = 20


def observe(rows):
    """Observations of the toy task, each row another one."""
    rng = np.random.default_rng(0)
    return {
        "prop": rng.uniform(0, 1, (rows, 2, 3)).astype(np.float32),
        "image.agentview": rng.integers(0, 256, (rows, 2, SIDE, SIDE, 3), dtype=np.uint8),
    }


def draw(policy, rows):
    """Noise for as many rows."""
    return np.random.default_rng(1).standard_normal((rows, *policy.noise_shape)).astype(np.float32)


def make_demonstration(index: int, length: int = 12) -> Demonstration:
    """An arm that moves while the expert points at the blob."""
    rng = np.random.default_rng(index)
    blob = rng.uniform(0.25, 0.75, 2)
    start, end = rng.uniform(0.2, 0.8, (2, 2))
    arm = start + (end - start) * np.linspace(0, 1, length)[:, None]
    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="xy"), -1) / (SIDE - 1)
    brightness = np.exp(-((pixels - blob) ** 2).sum(-1) / 0.01)
    frame = (255 * brightness)[..., None].repeat(3, -1).astype(np.uint8)
    return Demonstration(
        name=f"demo_{index}",
        prop=np.concatenate([arm, np.ones((length, 1))], axis=1).astype(np.float32),
        images={"image.agentview": frame[None].repeat(length, 0)},
        actions=np.clip(2 * (blob - arm), -1, 1).astype(np.float32),
    )

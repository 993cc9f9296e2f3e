"""What the toy world's policies are asked with."""

import numpy as np


def observe(rows):
    """Observations of the toy task, each row another one."""
    rng = np.random.default_rng(0)
    return {
        "prop": rng.uniform(0, 1, (rows, 2, 3)).astype(np.float32),
        "image.agentview": rng.integers(0, 256, (rows, 2, 20, 20, 3), dtype=np.uint8),
    }


def draw(policy, rows):
    """Noise for as many rows."""
    return np.random.default_rng(1).standard_normal((rows, *policy.noise_shape)).astype(np.float32)

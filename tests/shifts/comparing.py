"""What the tests of every shift have in common: episodes with and without it, and how far they differ."""

import numpy as np

from fdp_bench.api import image_keys
from fdp_bench.testing.play import Watch, play

STEPS = 4


def play_clean(env, *, seed=0, steps=STEPS):
    watch = Watch(env)
    return play(watch, watch, seed=seed, steps=steps)


def play_shifted(env, shift, severity, *, seed=0, steps=STEPS, drawn=None, **options):
    watch = Watch(env)
    return play(shift(watch, severity=severity, **options), watch, seed=seed, steps=steps, drawn=drawn)


def frames(episode):
    """All camera frames of an episode, shape (N, H, W, 3)."""
    return np.stack([shown[key] for shown in episode.observations for key in image_keys(shown)])


def mean_pixel_change(env, shift, severity, *, seeds=range(3), steps=0, **options):
    """Mean absolute change of a pixel's channel over a few episodes, in [0, 255]."""
    changes = [
        np.abs(
            frames(play_clean(env, seed=seed, steps=steps)).astype(int)
            - frames(play_shifted(env, shift, severity, seed=seed, steps=steps, **options))
        ).mean()
        for seed in seeds
    ]
    return float(np.mean(changes))


def receipt_of(env, shift, severity, *, seed=0, **options):
    shifted = shift(env, severity=severity, **options)
    shifted.reset(seed=seed)
    return shifted.receipt()

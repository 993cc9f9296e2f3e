"""Policies with an inside to look at, in plain numpy, on the toy environment."""

import numpy as np

from fdp_bench.api import Contribution, Inspector, PolicySpec
from fdp_bench.toy import ToyEnv


class Arrow(Inspector):
    """Its base goes by `prop` to the table's middle; its residual adds what the front camera's mean brightness says.

    `listens` scales the residual; 0 makes it lazy.
    """

    modalities = ("prop", "vision")
    secondary = ("vision",)
    n_obs_steps, n_action_steps = 1, 4
    masks = True

    def __init__(self, listens=1.0):
        self.listens = listens
        self.asked = []

    @property
    def noise_shape(self):
        return (2,)

    def act(self, observation, noise, *, masked=(), base_only=False):
        self.asked.append((tuple(masked), base_only, len(noise)))
        prop = np.zeros_like(observation["prop"]) if "prop" in masked else observation["prop"]
        actions = -5 * prop[:, -1] + 0.01 * noise
        if not base_only:
            actions = actions + self.listens * self.offset(observation, masked)[:, None]
        return np.repeat(np.clip(actions, -1, 1)[:, None], 4, axis=1).astype(np.float32)

    def contribution(self, observation, noise, *, masked=()):
        del noise
        size = float(np.abs(self.listens * self.offset(observation, masked)).mean())
        return Contribution((99, 49), ("embedding",), np.full((2, 1), size), np.full(2, size))

    def offset(self, observation, masked):
        frames = observation["image.front"]
        if "vision" in masked:
            return np.full(len(frames), 0.5)
        # Frames of the toy differ by a little around one brightness.
        return 40 * (frames.reshape(len(frames), -1).mean(1) / 255 - 0.66)


def seeker():
    """The fakes' policy that goes where the picture is red, as a black box."""
    from fake_policies import Seeker

    from fdp_bench.diagnose.load_policy import BlackBox

    return BlackBox(Seeker(PolicySpec("seeker"), ToyEnv().task_info))

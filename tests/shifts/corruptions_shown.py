"""Frames to corrupt, and a toy with touch, for the tests of observation-level shifts."""

import gymnasium
import numpy as np

from fdp_bench.toy import ToyEnv

TOUCH_SIZE = 8


def photograph(side=84, seed=0):
    """A frame with edges, colours and fine structure, shape (side, side, 3)."""
    y, x = np.mgrid[:side, :side] / side
    picture = np.stack([x, 0.5 + 0.5 * np.sin(9 * x * y), y], axis=-1)
    picture[(x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.04] = (0.8, 0.1, 0.1)
    grain = np.random.default_rng(seed).normal(0.0, 0.02, picture.shape)
    return np.round(255 * np.clip(picture + grain, 0, 1)).astype(np.uint8)


class TouchToy(ToyEnv):
    """The toy with a sense of touch: what presses on the gripper, by the distance from the target."""

    metadata = ToyEnv.metadata | {"modalities": ToyEnv.metadata["modalities"] | {"tactile": ("tactile",)}}

    def __init__(self):
        super().__init__()
        self.observation_space = gymnasium.spaces.Dict(
            {
                **self.observation_space.spaces,
                "tactile": gymnasium.spaces.Box(-10.0, 10.0, (TOUCH_SIZE,), np.float32),
            }
        )

    def _observe(self):
        way = self.target - self.gripper
        touch = np.resize([*way, np.hypot(*way)], TOUCH_SIZE).astype(np.float32)
        return {**super()._observe(), "tactile": touch}


class ArmEnv(gymnasium.Env):
    """An arm that swings whatever one does: two joints, the hand's pose, a finger."""

    metadata = {  # noqa: RUF012
        "render_modes": [],
        "modalities": {"prop": ("prop",)},
        "components": {
            "prop": ("joint",) * 2 + ("position",) * 3 + ("quaternion",) * 4 + ("finger",),
        },
    }

    def __init__(self):
        low = np.array([-4.0] * 2 + [-3.0] * 3 + [0.0] + [-1.0] * 3 + [-0.1], np.float32)
        high = np.array([4.0] * 2 + [3.0] * 3 + [1.0] * 4 + [0.1], np.float32)
        self.observation_space = gymnasium.spaces.Dict({"prop": gymnasium.spaces.Box(low, high)})
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reading(self, step):
        swing = np.sin(0.03 * step)
        quaternion = [np.cos(swing), np.sin(swing), 0.0, 0.0]
        return np.array([swing, -0.5, 0.1, 0.2, 0.3 + 0.1 * swing, *quaternion, 0.04], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return {"prop": self.reading(0)}, {}

    def step(self, action):
        self.steps += 1
        return {"prop": self.reading(self.steps)}, 0.0, False, False, {"success": False}


def readings(env, shift, severity, *, steps=0, seed=0, key="prop", **options):
    """What is read under a shift, shape (steps + 1, D), and the shift."""
    shifted = shift(env, severity=severity, **options)
    shown = [shifted.reset(seed=seed)[0][key]]
    still = np.zeros(env.action_space.shape, np.float32)
    shown += [shifted.step(still)[0][key] for _ in range(steps)]
    return np.array(shown, dtype=np.float64), shifted

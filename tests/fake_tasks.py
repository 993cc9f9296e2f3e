"""Tasks for tests, each good at breaking one rule."""

import os
import signal
import sys
from pathlib import Path

import gymnasium
import numpy as np

from fdp_bench.toy import ToyEnv

#: Task that raises in some episodes, by the initial state alone.
FRAGILE_TASK = "fake_tasks:fdp_bench_fakes/Fragile-v0"
#: Task whose processes die once something has gone wrong.
DOOMED_TASK = "fake_tasks:fdp_bench_fakes/Doomed-v0"
#: Task that leaves its observation space in some episodes.
LYING_TASK = "fake_tasks:fdp_bench_fakes/Lying-v0"
#: Task whose actions are pixels, 0 to 512.
PIXEL_TASK = "fake_tasks:fdp_bench_fakes/Pixels-v0"
#: Task that keeps none of the optional rules: no `task_info`, `scene`, `draw_images`, `safety`, `success_held`.
BARE_TASK = "fake_tasks:fdp_bench_fakes/Bare-v0"


class Fragile(ToyEnv):
    """Breaks on the third step where the gripper starts right of the middle, and is of no use afterwards."""

    broken = False

    def step(self, action):
        if self._steps == 2 and self.starts_right:
            self.broken = True
            raise ArithmeticError("the arm came off")
        return super().step(action)

    def reset(self, *, seed=None, options=None):
        if self.broken:
            raise RuntimeError("no arm")
        observation, info = super().reset(seed=seed, options=options)
        self.starts_right = bool(self.gripper[0] > 0)
        return observation, info


class Doomed(ToyEnv):
    """Takes its process with it when it is built: once, or while a file is there, as the environment says."""

    def __init__(self, **options):
        once = os.environ.get("FDP_BENCH_FAKES_DOOM_ONCE", "")
        if once and not Path(once).exists():
            Path(once).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        mark = os.environ.get("FDP_BENCH_FAKES_DOOM", "")
        if mark and Path(mark).exists():
            print("no room for another one", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        super().__init__(**options)


class Lying(ToyEnv):
    """Shows a position that its space does not hold, where the gripper starts right of the middle."""

    def _observe(self):
        observation = super()._observe()
        if self._steps == 3 and self.gripper[0] > 0:
            observation["prop"] = observation["prop"] + 9
        return observation


class Bare(gymnasium.Env):
    """A third party's environment: number line, success on the right end."""

    metadata = {"render_modes": [], "modalities": {"prop": ("prop",)}}  # noqa: RUF012
    observation_space = gymnasium.spaces.Dict({"prop": gymnasium.spaces.Box(-9.0, 9.0, (1,), np.float32)})
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.x = float(self.np_random.uniform(-1, 1))
        return self._observe(), {}

    def step(self, action):
        self.x = float(np.clip(self.x + action[0], -9, 9))
        return self._observe(), 0.0, False, False, {"success": self.x > 0}

    def _observe(self):
        return {"prop": np.array([self.x], np.float32)}


class Pixels(gymnasium.Env):
    """A point that goes 30% of the way to where an action says, in pixels; solved near (128, 384)."""

    metadata = {"render_modes": [], "modalities": {"prop": ("prop",)}}  # noqa: RUF012
    observation_space = gymnasium.spaces.Dict({"prop": gymnasium.spaces.Box(0.0, 512.0, (2,), np.float32)})
    action_space = gymnasium.spaces.Box(0.0, 512.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.place = self.np_random.uniform(0, 512, 2)
        return {"prop": self.place.astype(np.float32)}, {}

    def step(self, action):
        self.place = self.place + 0.3 * (action - self.place)
        solved = bool(np.abs(self.place - [128.0, 384.0]).max() < 20)
        return {"prop": self.place.astype(np.float32)}, 0.0, False, False, {"success": solved}


for name, kind in (
    ("Fragile", Fragile),
    ("Doomed", Doomed),
    ("Lying", Lying),
    ("Bare", Bare),
    ("Pixels", Pixels),
):
    if f"fdp_bench_fakes/{name}-v0" not in gymnasium.registry:
        steps = 30 if kind in (Bare, Pixels) else None
        gymnasium.register(f"fdp_bench_fakes/{name}-v0", entry_point=kind, max_episode_steps=steps)

"""Policies, shifts and tasks for tests, offered as a plugin distribution by the fixture `fakes`.

Module names are seen by spawned workers too, because they get the test process's `sys.path`.
"""

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from fdp_bench.api import (
    Observation,
    ObservationShift,
    Policy,
    SceneShift,
    SpecError,
    UnsupportedShiftError,
    WeightsInfo,
    parse_order,
)
from fdp_bench.toy import ToyEnv

#: Task that raises in some episodes, by the initial state alone.
FRAGILE_TASK = "fakes:fdp_bench_fakes/Fragile-v0"
#: Task whose processes die once something has gone wrong.
DOOMED_TASK = "fakes:fdp_bench_fakes/Doomed-v0"
#: Task that leaves its observation space in some episodes.
LYING_TASK = "fakes:fdp_bench_fakes/Lying-v0"
#: Task that keeps none of the optional rules: no `task_info`, `scene`, `draw_images`, `safety`, `success_held`.
BARE_TASK = "fakes:fdp_bench_fakes/Bare-v0"


class Seeker(Policy):
    """Looks for the red target in the frames and goes there, with some noise."""

    summary = "goes where the picture is red"
    modalities = ("prop", "vision")
    n_obs_steps = 2
    n_action_steps = 4

    def __init__(self, spec, task, *, device="cpu"):
        super().__init__(spec, task, device=device)
        self.noise_scale = float(spec.options.get("noise", "0.3"))

    @classmethod
    def resolve(cls, spec, task):
        if spec.order:
            prioritized, rest = parse_order(spec.order, task.modalities)
            return type(spec)(spec.name, f"{prioritized[0]}>{rest[0]}", spec.checkpoint, spec.options)
        return spec

    @property
    def noise_shape(self):
        return (self.n_action_steps, 2)

    def act(self, observation, noise):
        picture = observation["image.front"][:, -1].astype(np.float64)
        redness = np.clip(picture[..., 0] - picture[..., 1] - 60, 0, None)
        side = picture.shape[1]
        x = ((np.arange(side) + 0.5) / side * 2 - 1) * 0.5
        weight = redness.sum(axis=(1, 2)) + 1e-9
        target = np.stack(
            [(redness * x[None, None, :]).sum(axis=(1, 2)), (redness * -x[None, :, None]).sum(axis=(1, 2))],
            axis=1,
        )
        direction = (target / weight[:, None] - observation["prop"][:, -1]) / 0.03 / self.n_action_steps
        actions = direction[:, None, :] + self.noise_scale * noise
        return np.clip(actions, -1.0, 1.0).astype(np.float32)


class Watcher(Policy):
    """Acts by everything that it reads, on any task: each pixel and the noise move it. Slow on demand.

    With ``until=FILE``, its slashes as ``%``, it stops after its first toy episode until that file exists.
    """

    modalities = ("prop", "vision")
    n_obs_steps = 2
    n_action_steps = 8
    _acts = 0

    @property
    def noise_shape(self):
        return (self.n_action_steps, self.task.action_dim)

    def act(self, observation, noise):
        time.sleep(float(self.spec.options.get("delay", "0")))
        self._acts += bool(observation["prop"].any())  # not the check before the run
        file = Path(self.spec.options.get("until", "").replace("%", "/"))
        while self._acts > 5 and not file.exists():
            time.sleep(0.01)
        seen = sum(
            np.sin(value.astype(np.float64).reshape(len(value), -1)).sum(axis=1)
            for value in observation.values()
        )
        return np.clip(0.5 * np.sin(seen)[:, None, None] + 0.5 * noise, -1, 1).astype(np.float32)


class Blind(Policy):
    """Reads no frames; remembers nothing."""

    modalities = ("prop",)
    n_action_steps = 8

    def act(self, observation, noise):
        del noise
        return np.repeat(-observation["prop"][:, -1:, :2] * 3, self.n_action_steps, axis=1).astype(np.float32)


class Faulty(Policy):
    """Goes wrong in the way that its option says, where the gripper starts right of the middle."""

    modalities = ("prop",)
    n_action_steps = 4

    def act(self, observation, noise):
        del noise
        bad = observation["prop"][:, -1, 0] > 0
        actions = np.zeros((len(bad), self.n_action_steps, 2), np.float32)
        how = self.spec.options.get("how", "nan")
        if how == "nan":
            actions[bad] = np.nan
        elif how == "shape":
            actions = actions[:, :1]
        elif how == "threads":
            raise ValueError(
                [os.environ[f"{library}_NUM_THREADS"] for library in ("OMP", "MKL", "OPENBLAS", "LP")]
            )
        elif how == "process":
            raise ValueError(multiprocessing.current_process().name)
        elif how == "die" and bad.any():
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "segfault" and bad.any():
            print("about to fall", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif how == "hang" and bad.any():
            # Not to be broken off by an exception, as compiled code is not.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(3600)
        elif how == "exit" and bad.any():
            os._exit(7)
        elif how == "slow" and bad.any():
            time.sleep(3600)
        elif how == "swallow" and bad.any():
            with suppress(Exception):
                time.sleep(3600)
        elif how == "inf":
            actions[bad] = np.inf
        elif how == "dtype":
            return actions.astype(str)
        elif bad.any():
            raise ValueError("no idea what to do on the right")
        return actions


class Greedy(Policy):
    """Takes more memory with each decision and never gives it back."""

    modalities = ("prop",)
    n_action_steps = 4

    def __init__(self, spec, task, *, device="cpu"):
        super().__init__(spec, task, device=device)
        self.taken = []

    def act(self, observation, noise):
        del noise
        if not observation["prop"].any():
            # The probe before the run, not an episode.
            return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        self.taken.append(np.ones(int(float(self.spec.options.get("mib", "20")) * 2**17)))
        return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)


class Breaker(Policy):
    """Dies once, where the file that it makes is not there yet; with `orphan`, a copy lives on while it is there."""

    modalities = ("prop",)
    n_action_steps = 4

    def act(self, observation, noise):
        del noise
        if not observation["prop"].any():
            # The probe before the run, not an episode.
            return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        mark = Path(self.spec.options["file"].replace("%", "/"))
        try:
            mark.open("x").close()
        except FileExistsError:
            return np.zeros((len(observation["prop"]), 4, self.task.action_dim), np.float32)
        if "orphan" in self.spec.options and os.fork() == 0:
            # Holds whatever its parent had open until the test is over, or has gone wrong.
            for _ in range(6_000):
                if not mark.exists():
                    break
                time.sleep(0.1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError("still there")


class Moody(Policy):
    """Acts by how often it was asked before: no two runs of an episode agree."""

    modalities = ("prop",)
    n_action_steps = 4
    asked = 0

    def act(self, observation, noise):
        del noise
        self.asked += 1
        return np.full((len(observation["prop"]), 4, self.task.action_dim), np.sin(self.asked), np.float32)


class Remembering(Blind):
    """Keeps a state for each lane."""

    def reset(self, lanes):
        self.started = lanes


class Misbuilt(Policy):
    """Cannot be built."""

    modalities = ("prop",)

    def __init__(self, spec, task, *, device="cpu"):
        raise FloatingPointError("bad build")

    def act(self, observation, noise):
        raise NotImplementedError


class Untrained(Policy):
    """Has no weights."""

    modalities = ("prop",)

    def act(self, observation, noise):
        raise NotImplementedError

    @classmethod
    def weights(cls, spec, task):
        del spec, task
        return WeightsInfo(available=False, source="train them first: fdp-bench train --policy untrained")


class Dim(ObservationShift):
    """Darkens frames."""

    name = "dim"
    summary = "darkens"
    option_values = {"how": ("evenly", "raising", "unsupported", "dying")}  # noqa: RUF012

    def begin(self, observation):
        del observation
        self.factor = 1 - self.severity * self.rng.uniform(0.5, 1.0)
        if self.options["how"] == "unsupported":
            raise UnsupportedShiftError("shift 'dim' cannot darken the night")

    def alter(self, observation: Observation) -> Observation:
        if self.options["how"] == "raising" and self.step_count == 5:
            raise OverflowError("too dark")
        return {
            key: (value * self.factor).astype(np.uint8) if key.startswith("image.") else value
            for key, value in observation.items()
        }


class Lagging(ObservationShift):
    """Shows each frame with the one of three control steps ago in its upper half, if it was drawn."""

    name = "lagging"
    frame_lags = (0, 3)

    def begin(self, observation):
        self.frames = {0: observation["image.front"]}

    def alter(self, observation):
        altered = dict(observation)
        if "image.front" in observation:
            self.frames[self.step_count] = observation["image.front"]
            earlier = self.frames.get(max(self.step_count - 3, 0))
            frame = observation["image.front"].copy()
            frame[:16] = 0 if earlier is None else earlier[:16]
            altered["image.front"] = frame
        return altered


class Repaint(SceneShift):
    """Tints the target."""

    name = "repaint"

    def dress(self, scene: Any) -> dict[str, Any]:
        rgb = self.rng.uniform(size=3)
        scene.tint_part("object", rgb, amount=self.severity)
        return {"rgb": rgb.tolist()}


class Meddler(ObservationShift):
    """Touches what no shift may touch, in the way of its option."""

    name = "meddler"
    option_values = {  # noqa: RUF012
        "how": ("state", "seed", "dynamics", "late", "nan", "dtype", "shape", "crash")
    }

    def reset(self, *, seed=None, options=None):
        how = self.options["how"]
        if how == "dynamics":
            self.unwrapped.step_m *= 1.5
        result = super().reset(seed=seed + 1 if how == "seed" else seed, options=options)
        if how == "state":
            self.unwrapped.gripper = self.unwrapped.gripper + 0.01
        return result

    def alter(self, observation: Observation) -> Observation:
        how, altered = self.options["how"], dict(observation)
        if self.step_count == 5:
            if how == "late":
                self.unwrapped.step_m *= 0.9
            elif how == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            elif how == "nan":
                altered["prop"] = altered["prop"] * np.nan
            elif how == "dtype":
                altered["prop"] = altered["prop"].astype(np.float64)
            elif how == "shape":
                altered["prop"] = altered["prop"][:1]
        return altered


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


class Pusher(Policy):
    """Always pushes to the right."""

    modalities = ("prop",)

    def act(self, observation, noise):
        del noise
        return np.ones((len(observation["prop"]), 1, self.task.action_dim), np.float32)


class Picky(Policy):
    """Knows no options."""

    modalities = ("prop",)

    @classmethod
    def resolve(cls, spec, task):
        del task
        for key in spec.options:
            raise SpecError(f"policy 'picky' has no option {key!r}")
        return spec

    def act(self, observation, noise):
        del noise
        return np.zeros((len(observation["prop"]), 1, self.task.action_dim), np.float32)


class Nothing:
    """No plugin at all."""


for name, kind in (("Fragile", Fragile), ("Doomed", Doomed), ("Lying", Lying), ("Bare", Bare)):
    if f"fdp_bench_fakes/{name}-v0" not in gymnasium.registry:
        gymnasium.register(
            f"fdp_bench_fakes/{name}-v0", entry_point=kind, max_episode_steps=30 if kind is Bare else None
        )

POLICIES = {
    "seeker": "fakes:Seeker",
    "watcher": "fakes:Watcher",
    "blind": "fakes:Blind",
    "faulty": "fakes:Faulty",
    "moody": "fakes:Moody",
    "greedy": "fakes:Greedy",
    "breaker": "fakes:Breaker",
    "misbuilt": "fakes:Misbuilt",
    "untrained": "fakes:Untrained",
    "pusher": "fakes:Pusher",
    "picky": "fakes:Picky",
    "remembering": "fakes:Remembering",
}
SHIFTS = {
    "dim": "fakes:Dim",
    "lagging": "fakes:Lagging",
    "repaint": "fakes:Repaint",
    "meddler": "fakes:Meddler",
}


def install_distribution(
    folder: Path, name: str, *, policies: dict[str, str], shifts: dict[str, str]
) -> None:
    """Write a distribution's metadata into a folder; on `sys.path` the folder makes its entry points known."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[fdp_bench.policies]", *(f"{key} = {value}" for key, value in policies.items())]
    lines += ["[fdp_bench.shifts]", *(f"{key} = {value}" for key, value in shifts.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def fakes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that offers this file's plugins when it is on the path."""
    folder = tmp_path_factory.mktemp("fakes")
    install_distribution(folder, "fdp-bench-fakes", policies=POLICIES, shifts=SHIFTS)
    return folder


@pytest.fixture
def fakes(fakes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugins of this file, installed for one test and its spawned workers."""
    monkeypatch.syspath_prepend(fakes_folder)


@pytest.fixture
def fakes_environment(fakes_folder: Path) -> dict[str, str]:
    """Environment variables of a subprocess that has these plugins."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(fakes_folder), str(Path(__file__).parent)])}

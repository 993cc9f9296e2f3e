"""Record demonstrations of any task by a policy of one's own, into the file that ``fdp-bench train`` reads.

    from fdp_bench.demos.record import record

    record("reach.toml", expert, episodes=50, out="reach.hdf5")

`expert(observation, env)` is asked for each action; it may read off `env`, the environment itself, what no sense shows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import (
    DatasetError,
    Observation,
    RunError,
    SpecError,
    TaskInfo,
    image_keys,
    stream,
    stream_int,
)
from fdp_bench.api.episode import HOLD_STEPS
from fdp_bench.demos.demo_episode import MAX_STEPS, ImportedEpisode
from fdp_bench.demos.layout import GYM_ENV_TYPE, PROP_NAME, TOUCH_NAME
from fdp_bench.demos.recording.attempt import DEMO_EXPERT, DEMO_STATE
from fdp_bench.demos.recording.task_card import environment_versions, task_entries
from fdp_bench.demos.robomimic import write_hdf5
from fdp_bench.tasks.external.env import ExternalEnv
from fdp_bench.tasks.make import make_task

#: Asked for each action: (what the task shows, the environment itself) -> action, shape (A,). Where it has a method
#: ``reset(generator)``, that is called before each episode with a `numpy.random.Generator`.
Act = Callable[[Observation, Any], npt.ArrayLike]


@dataclass(frozen=True)
class RecordingSummary:
    """What a recording did.

    Attributes:
        path: The finished file.
        task_id: Id of the task.
        num_demos: Demonstrations in it.
        num_steps: Control steps of them all.
        num_solved: Those of them that end in success.
        num_not_kept: Episodes in between that failed and were left out.
    """

    path: Path
    task_id: str
    num_demos: int
    num_steps: int
    num_solved: int
    num_not_kept: int


def record(
    task: str,
    act: Act,
    *,
    episodes: int,
    out: str | Path,
    seed: int = 0,
    profile: str = "fast",
    own_units: bool = False,
    only_successes: bool = True,
    made_by: str = "",
    progress: bool = False,
) -> RecordingSummary:
    """Let a policy act on a task and write what it saw and did as demonstrations.

    An episode ends when success has held for `HOLD_STEPS` control steps, at the horizon, or when the environment ends
    it.

    Args:
        task: What ``--task`` takes: a map's file, an id, ``"module:namespace/Env-v0"``.
        act: The policy, see `Act`.
        episodes: Number of demonstrations, at least 1; one that trains takes two.
        out: File to write, HDF5; must not exist.
        seed: Decides all initial states and what ``act.reset`` is given, >= 0. Runs never start in these states.
        profile: Render profile of frames that this package draws.
        own_units: Whether `act` speaks in the environment's own action bounds, and not in [-1, 1].
        only_successes: Whether episodes without success are left out: they show what not to do.
        made_by: What the file's card calls the policy; its name in Python by default.
        progress: Whether to show a progress bar on standard error.

    Returns:
        What was done.

    Raises:
        SpecError: If the task cannot be built, or says nothing of success.
        DatasetError: If a number is out of range, `out` exists or cannot be written, or `act` gives no such action.
        RunError: If the policy hardly ever succeeds.
    """
    out = Path(out)
    if episodes < 1 or seed < 0:
        raise DatasetError(f"{episodes} episodes and seed {seed}: at least 1 and at least 0")
    if out.exists():
        raise DatasetError(f"{out} exists already; delete it or choose another 'out'")
    recorder = _Recorder(task, act, seed, profile, own_units, only_successes)
    unfinished = out.with_name(out.name + ".unfinished")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lengths = write_hdf5(
            unfinished, _shown(recorder, episodes, progress), lambda: recorder.description(made_by)
        )
        unfinished.replace(out)
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error.strerror or error}; choose another 'out'") from error
    finally:
        recorder.close()
        unfinished.unlink(missing_ok=True)
    return RecordingSummary(
        path=out,
        task_id=recorder.info.task_id,
        num_demos=len(lengths),
        num_steps=sum(lengths),
        num_solved=recorder.solved,
        num_not_kept=recorder.attempts - len(lengths),
    )


def _shown(recorder: "_Recorder", episodes: int, progress: bool) -> Iterator[ImportedEpisode]:
    from tqdm import tqdm

    kept = recorder.kept(episodes)
    yield from tqdm(kept, total=episodes, unit="demo", disable=not progress, desc=recorder.info.task_id)


class _Recorder:
    """Plays episodes of a task.

    Attributes:
        info: The task.
        attempts: Episodes played so far.
        solved: Those of the ones that were kept which ended in success.
    """

    def __init__(
        self, task: str, act: Act, seed: int, profile: str, own_units: bool, only_successes: bool
    ) -> None:
        self._act, self._seed, self._only_successes = act, seed, only_successes
        self._env = make_task(task, profile)
        own: Any = self._env.unwrapped
        self._external = own if isinstance(own, ExternalEnv) else None
        self._own_units = own_units and self._external is not None
        self._shown_env = self._external.inner.unwrapped if self._external else own
        self.info: TaskInfo = own.task_info
        self._vectors = [
            key for key in self.info.observation_shapes if key not in image_keys(self.info.observation_shapes)
        ]
        self.attempts = self.solved = 0

    def close(self) -> None:
        self._env.close()

    def kept(self, count: int) -> Iterator[ImportedEpisode]:
        """Play until so many episodes are kept."""
        kept = 0
        while kept < count:
            episode, solved = self._play()
            self.attempts += 1
            if solved or not self._only_successes:
                kept += 1
                self.solved += solved
                yield episode
            elif self.attempts >= 2 * count + 10:
                raise RunError(
                    f"the policy solved {kept} of {self.attempts} episodes of {self.info.task_id}; mend it, or keep "
                    "what fails as well: only_successes=False"
                )

    def description(self, made_by: str) -> dict[str, Any]:
        """What the file says of itself, in the manner of robomimic; ours stands in ``fdp_bench``."""
        info = self.info
        name = made_by or getattr(self._act, "__qualname__", type(self._act).__qualname__)
        return {
            "env_name": info.task_id,
            "type": GYM_ENV_TYPE,
            "env_version": "",
            "env_kwargs": {},
            "fdp_bench": {
                **task_entries(self._env),
                "seed": self._seed,
                "attempts": self.attempts,
                "recorded": {"policy": name, "solved": self.solved, "only_successes": self._only_successes},
                "versions": environment_versions(self._env),
            },
        }

    def _play(self) -> tuple[ImportedEpisode, bool]:
        """Play the next episode; returns it, and whether it ended in success."""
        observation, _ = self._env.reset(seed=stream_int(self._seed, self.attempts, DEMO_STATE))
        if hasattr(self._act, "reset"):
            self._act.reset(stream(self._seed, self.attempts, DEMO_EXPERT))
        seen: list[Observation] = []
        actions: list[npt.NDArray[np.float32]] = []
        rewards: list[float] = []
        held, ended = 0, False
        while not ended and held < HOLD_STEPS and len(actions) < MAX_STEPS:
            # Copied before anybody else gets hold of them.
            seen.append({key: np.array(values) for key, values in observation.items()})
            action = self._action(self._act(observation, self._shown_env))
            observation, reward, terminated, truncated, info = self._env.step(action)
            actions.append(action)
            rewards.append(float(reward))
            held = held + 1 if self._success(info) else 0
            ended = terminated or truncated
        return self._episode(seen, actions, rewards), held > 0

    def _action(self, given: npt.ArrayLike) -> npt.NDArray[np.float32]:
        try:
            action = np.asarray(given, np.float64)
            if action.shape != (self.info.action_dim,) or not np.isfinite(action).all():
                raise ValueError
        except (TypeError, ValueError):
            raise DatasetError(
                f"the policy gave {str(given)[:120]!r} for an action of {self.info.task_id}; give "
                f"{self.info.action_dim} finite numbers"
            ) from None
        ours = self._external.unit_actions(action) if self._own_units and self._external else action
        return np.clip(ours, -1.0, 1.0).astype(np.float32)

    def _success(self, info: dict[str, Any]) -> bool:
        if "success" not in info:
            has = ", ".join(map(repr, info)) or "nothing"
            raise SpecError(
                f"task {self.info.task_id!r} gives no info['success']; name the key that says it in a map, "
                f"success = KEY (info holds {has})"
            )
        return bool(info["success"])

    def _episode(
        self, seen: list[Observation], actions: list[npt.NDArray[np.float32]], rewards: list[float]
    ) -> ImportedEpisode:
        vectors = {key: np.array([each[key] for each in seen], np.float32) for key in self._vectors}
        images = image_keys(self.info.observation_shapes)
        return ImportedEpisode(
            prop=vectors.pop(PROP_NAME, np.zeros((len(seen), 0), np.float32)),
            images={key: np.array([each[key] for each in seen], np.uint8) for key in images},
            actions=np.array(actions, np.float32),
            rewards=np.array(rewards, np.float32),
            tactile=vectors.pop(TOUCH_NAME, None),
            vectors=vectors,
        )

"""Collect demonstrations with a scripted expert into one HDF5 file."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fdp_bench.api import DatasetError, RunError
from fdp_bench.demos.experts.registry import EXPERTS, resolve_expert_task
from fdp_bench.demos.layout import FORMAT_VERSION, ROBOSUITE_ENV_TYPE
from fdp_bench.demos.recording.attempt import record_attempt
from fdp_bench.demos.recording.attempt_store import AttemptStore
from fdp_bench.extras import ROBOSUITE, require_extra
from fdp_bench.sim.touch import TOUCH_VERSION

#: Tasks with a scripted expert.
EXPERT_TASKS = tuple(EXPERTS)


@dataclass(frozen=True)
class CollectionSummary:
    """What a collection did.

    Attributes:
        path: The finished file.
        num_demos: Demonstrations in it.
        num_not_kept: Attempts in between that failed or were too short.
    """

    path: Path
    num_demos: int
    num_not_kept: int


def collect_demonstrations(
    task: str,
    out: Path,
    *,
    num_demos: int,
    seed: int = 0,
    profile: str = "fast",
    progress: bool = False,
) -> CollectionSummary:
    """Record demonstrations until there are `num_demos`, then write them as one file.

    Attempts are kept in the folder ``<out>.partial`` until then; called again after a kill, the collection
    goes on from there and ends with the same bytes.

    Args:
        task: Gymnasium id or short name of a task in `fdp_bench.demos.experts.registry.EXPERTS`.
        out: File to write; must not exist.
        num_demos: Number of demonstrations, >= 1.
        seed: Seed that decides all initial states and all randomness of the expert, >= 0.
        profile: Render profile of the frames.
        progress: Whether to show a progress bar on standard error.

    Returns:
        What was done.

    Raises:
        SpecError: If the task has no scripted expert.
        NotInstalledError: If robosuite is not installed.
        DatasetError: If `num_demos` or `seed` is out of range, or `out` exists or cannot be written.
        RunError: If the expert keeps failing.
    """
    task_id = resolve_expert_task(task)
    if num_demos < 1 or seed < 0:
        raise DatasetError(f"number of demonstrations {num_demos} and seed {seed}: at least 1 and at least 0")
    if out.exists():
        raise DatasetError(f"{out} exists already; delete it or choose another --out")
    require_extra(f"task {task_id!r}", ROBOSUITE)
    header: dict[str, Any] = {
        "task_id": task_id,
        "profile": profile,
        "seed": seed,
        "expert_version": EXPERTS[task_id].version,
        "touch_version": TOUCH_VERSION,
        "format": FORMAT_VERSION,
        "versions": {name: version(name) for name in ("fdp-bench", "robosuite", "mujoco")},
    }
    store = AttemptStore(out.with_name(out.name + ".partial"), header)
    kept, env_kwargs = _record(store, header, num_demos, progress)
    env_args = {
        "env_name": EXPERTS[task_id].robosuite_name,
        "type": ROBOSUITE_ENV_TYPE,
        "env_version": header["versions"]["robosuite"],
        "env_kwargs": env_kwargs,
        "fdp_bench": {**header, "attempts": kept[-1] + 1},
    }
    _write(out, store, kept, env_args)
    return CollectionSummary(out, num_demos, kept[-1] + 1 - num_demos)


def _record(
    store: AttemptStore, header: Mapping[str, Any], num_demos: int, progress: bool
) -> tuple[list[int], dict[str, Any]]:
    """Make the attempts that are missing; return those kept, and robosuite's own settings."""
    import gymnasium
    from tqdm import tqdm

    env = gymnasium.make(header["task_id"], profile=header["profile"], disable_env_checker=True)
    kept: list[int] = []
    attempt = 0
    try:
        with tqdm(total=num_demos, unit="demo", disable=not progress, desc=header["task_id"]) as bar:
            while len(kept) < num_demos:
                if attempt not in store:
                    store.add(attempt, record_attempt(env, seed=header["seed"], attempt=attempt))
                if store.is_kept(attempt):
                    kept.append(attempt)
                    bar.update()
                attempt += 1
                if attempt > 2 * num_demos + 10:
                    raise RunError(f"the expert failed on {attempt - len(kept)} of {attempt} attempts")
        return kept, _robosuite_kwargs(env)
    finally:
        env.close()


def _robosuite_kwargs(env: Any) -> dict[str, Any]:
    """Arguments of `robosuite.make` for an environment with the same controller and cameras."""
    robosuite_env = env.unwrapped.robosuite_env
    height, width = env.observation_space["image.agentview"].shape[:2]
    return {
        "robots": ["Panda"],
        "controller_configs": robosuite_env.robots[0].composite_controller_config,
        "has_renderer": False,
        "has_offscreen_renderer": True,
        "use_camera_obs": True,
        "use_object_obs": True,
        "camera_names": ["agentview", "robot0_eye_in_hand"],
        "camera_heights": height,
        "camera_widths": width,
        "control_freq": 20,
        "horizon": env.unwrapped.horizon,
        "ignore_done": True,
        "reward_shaping": False,
    }


def _write(out: Path, store: AttemptStore, kept: list[int], env_args: Mapping[str, Any]) -> None:
    from fdp_bench.demos.robomimic import write_hdf5

    unfinished = store.folder / "demonstrations.unfinished"
    try:
        write_hdf5(unfinished, store.episodes(kept), env_args)
        unfinished.replace(out)
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error}; run the same command again to go on") from error
    shutil.rmtree(store.folder)

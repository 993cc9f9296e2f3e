"""Any Gymnasium environment as a task: found by its name, built, and held to the rules."""

from contextlib import suppress
from typing import Any

import gymnasium
import numpy as np

from fdp_bench.api.errors import FdpBenchError, NotInstalledError, RenderingError, SpecError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.sim.gl import prepare_environment
from fdp_bench.tasks.external.env import ExternalEnv
from fdp_bench.tasks.external.map_file import parse_map
from fdp_bench.tasks.external.modules import check_module, is_installed
from fdp_bench.tasks.external.registry import find_map
from fdp_bench.tasks.external.senses import is_camera
from fdp_bench.tasks.external.task_map import TaskMap

#: Keys of an environment's metadata that a map's keys stand for.
_METADATA_KEYS = ("modalities", "default_modalities", "scene", "success")


def make_external(task_id: str, profile: str) -> gymnasium.Env[Any, Any]:
    """Build an environment that is none of the package's.

    Args:
        task_id: Id that a map gives, or a Gymnasium id.
        profile: How frames of a MuJoCo model are drawn, ``"fast"`` or ``"reference"``.

    Returns:
        The environment, adapted where it does not keep all of our rules itself.

    Raises:
        NotInstalledError: If its module is not installed, and its map says what installs it.
        SpecError: If it cannot be built, or cannot be a task; in one line with what to do.
    """
    with suppress(RenderingError):
        # Before mujoco is imported, which acts on it; who draws nothing needs no OpenGL.
        prepare_environment()
    task_map = find_map(task_id)
    name = task_map.environment if task_map else task_id
    check_module(task_id, name)
    if task_map and task_map.install and not is_installed(name):
        raise NotInstalledError(
            f"task {task_id!r}: its environment {name!r} is not installed; install it: {task_map.install}"
        )
    settings: dict[str, Any] = dict(task_map.arguments) if task_map else {}
    if task_map and task_map.horizon:
        settings["max_episode_steps"] = task_map.horizon
    if task_map and task_map.renders:
        settings["render_mode"] = "rgb_array"
    try:
        env = gymnasium.make(name, disable_env_checker=True, **settings)
    except FdpBenchError:
        raise
    except Exception as error:
        is_unmapped = task_map is None and isinstance(error, gymnasium.error.UnregisteredEnv)
        hint = "; if a map makes it a task, name the map's .toml file" if is_unmapped else ""
        reason = " ".join(str(error).split())
        raise SpecError(
            f"task {task_id!r} cannot be built: {type(error).__name__}: {reason}{hint}"
        ) from error
    try:
        return adapted(env, task_id, task_map, profile)
    except Exception:
        env.close()
        raise


def adapted(
    env: gymnasium.Env[Any, Any], task_id: str, task_map: TaskMap | None = None, profile: str = "fast"
) -> gymnasium.Env[Any, Any]:
    """Adapt an environment, unless it states a `task_info` of its own and nobody maps it.

    Args:
        env: The environment.
        task_id: What it is called.
        task_map: Its map; None for what its metadata say.
        profile: See `make_external`.

    Raises:
        SpecError: If it cannot be a task.
    """
    if task_map is None and isinstance(getattr(env.unwrapped, "task_info", None), TaskInfo):
        return env
    return ExternalEnv(env, task_map or map_of_metadata(env, task_id), task_id=task_id, profile=profile)


def map_of_metadata(env: gymnasium.Env[Any, Any], task_id: str) -> TaskMap:
    """The map that an environment's metadata state: ``modalities``, and more if it likes.

    That is ``default_modalities``, ``scene`` and ``success`` as in a map, ``components``, and ``cameras``.

    ``metadata["cameras"]`` names cameras of the environment's MuJoCo model, ``{"image.front": "front"}``: this package
    draws them then, in the place of the frames that the environment shows under the key.

    Raises:
        SpecError: If there is none, or it is malformed.
    """
    stated = env.unwrapped.metadata
    if not stated.get("modalities"):
        raise SpecError(
            f'task {task_id!r} states no metadata["modalities"], such as {{"prop": ("prop",)}}; state them, or write a '
            "map, a .toml file that --task names"
        )
    data: dict[str, Any] = {key: stated[key] for key in _METADATA_KEYS if key in stated}
    cameras = stated.get("cameras", {})
    data |= {
        # The id of a map must be one of its own; here the environment's is the task's.
        "id": "metadata/Task-v0",
        "environment": task_id,
        "observation": {key: {"camera": name} for key, name in dict(cameras).items()},
    }
    return parse_map(data, f"in the metadata of {task_id!r}")


def check_starts_alike(env: ExternalEnv) -> None:
    """Reset an environment twice with one seed: every comparison is of episodes that start alike.

    Raises:
        SpecError: If it starts differently.
    """
    starts = []
    for _ in range(2):
        observation, _ = env.reset(seed=0)
        numbers = [observation[key] for key in env.observation_space.spaces if not is_camera(key)]  # type: ignore[attr-defined]
        starts.append(np.concatenate([*numbers, env.state()]))
        env.step(np.zeros(env.task_info.action_dim, np.float32))
    if not np.array_equal(starts[0], starts[1], equal_nan=True):
        raise SpecError(
            f"{env} starts differently when it is reset with the same seed, so no two episodes could be compared; draw "
            "its initial state from self.np_random, seeded by super().reset(seed=seed)"
        )

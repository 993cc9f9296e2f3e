"""What a demonstration file says of the task and the environment that it was made with."""

import importlib.metadata
from collections.abc import Iterable
from typing import Any

import gymnasium

from fdp_bench.api import TaskInfo, image_keys
from fdp_bench.demos.layout import FORMAT_VERSION, PROP_NAME, TOUCH_NAME
from fdp_bench.tasks.external.env import ExternalEnv

#: Distributions whose version a file notes, beside the environment's own.
_DISTRIBUTIONS = ("fdp-bench", "gymnasium", "mujoco")


def task_entries(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """Entries of a file's card about a task.

    Args:
        env: The environment, as `fdp_bench.tasks.make.make_task` builds it.

    Returns:
        JSON-ready. ``vectors`` names the keys of numbers that the file's layout has no place of their own for,
        whether or not the file holds them; ``task_map_sha256`` is the map's that observations were read by, empty where
        there is none.
    """
    own: Any = env.unwrapped
    info: TaskInfo = own.task_info
    placed = (*image_keys(info.observation_shapes), PROP_NAME, TOUCH_NAME)
    return {
        "task_id": info.task_id,
        "task_map_sha256": own.map_sha256 if isinstance(own, ExternalEnv) else "",
        "profile": info.profile,
        "format": FORMAT_VERSION,
        "vectors": [key for key in info.observation_shapes if key not in placed],
        "horizon": info.horizon,
        "control_hz": info.control_hz,
    }


def environment_versions(env: gymnasium.Env[Any, Any]) -> dict[str, str]:
    """Distribution -> version, of what an environment runs on."""
    own: Any = env.unwrapped
    theirs = own.inner.unwrapped if isinstance(own, ExternalEnv) else own
    module = type(theirs).__module__.partition(".")[0]
    return installed_versions({*_DISTRIBUTIONS, *importlib.metadata.packages_distributions().get(module, ())})


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Distribution -> version, of those that are installed."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

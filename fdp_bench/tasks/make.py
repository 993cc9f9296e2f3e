"""From a task's name to its environment, whoever made it."""

from typing import Any

import gymnasium

from fdp_bench.api.errors import FdpBenchError, SpecError
from fdp_bench.extras import ROBOSUITE, install_command, other_versions
from fdp_bench.tasks import TASKS, resolve_task
from fdp_bench.tasks.external.make import make_external


def make_task(name: str, profile: str = "fast") -> gymnasium.Env[Any, Any]:
    """Build a task's environment without shifts.

    Args:
        name: Anything `fdp_bench.tasks.resolve_task` takes.
        profile: Render profile; environments that draw themselves have none.

    Returns:
        The environment; `unwrapped` states its `task_info`.

    Raises:
        NotInstalledError: If it needs an extra that is not installed.
        SpecError: If the task cannot be built.
    """
    identifier = resolve_task(name)
    if identifier not in TASKS:
        return make_external(identifier, profile)
    try:
        return gymnasium.make(identifier, disable_env_checker=True, profile=profile)
    except FdpBenchError:
        raise
    except Exception as error:
        others = ", ".join(map(str, other_versions(ROBOSUITE)))
        hint = f"; it is made for {others}: {install_command(ROBOSUITE)}" if others else ""
        raise SpecError(f"task {name!r} cannot be built: {type(error).__name__}: {error}{hint}") from error

"""Environments: from a task's name and shifts to a wrapped Gymnasium environment."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import gymnasium

from fdp_bench.api.errors import FdpBenchError, PluginError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.scene_shift import SceneShift
from fdp_bench.api.shift import Shift, ShiftSpec
from fdp_bench.plugins import load_shift
from fdp_bench.runner.rollout.plugin_calls import PLUGIN_ERRORS, describe_error
from fdp_bench.specs import resolve_shifts
from fdp_bench.tasks.external.make import adapted
from fdp_bench.tasks.make import make_task

Environment = gymnasium.Env[Any, Any]

DEFAULT_PROFILE = "fast"


def make_env(task_id: str, shifts: Sequence[ShiftSpec] = (), profile: str = DEFAULT_PROFILE) -> Environment:
    """Build a task's environment under shifts: scene shifts innermost, then observation shifts, as given.

    Args:
        task_id: Anything `fdp_bench.tasks.resolve_task` takes.
        shifts: Shifts that act together.
        profile: Render profile; environments that draw themselves have none.

    Raises:
        SpecError: If the task cannot be built.
        ShiftConfigError: If a shift knows no such option.
    """
    return wrap(make_base(task_id, profile), shifts)


def make_base(task_id: str, profile: str = DEFAULT_PROFILE) -> Environment:
    """Build a task's environment without shifts. See `make_env`."""
    return make_task(task_id, profile)


def wrap(env: Environment, shifts: Sequence[ShiftSpec]) -> Environment:
    """Put shifts around an environment, scene shifts innermost; the environment itself may be used again.

    Raises:
        ShiftConfigError: If a shift knows no such option.
        PluginError: If a shift cannot be built for a reason that it does not explain.
    """
    kinds = [(load_shift(spec.name), spec) for spec in resolve_shifts(shifts)]
    kinds.sort(key=lambda pair: not issubclass(pair[0], SceneShift))
    for kind, spec in kinds:
        try:
            env = kind(env, severity=spec.severity, **spec.options)
        except FdpBenchError:
            raise
        except PLUGIN_ERRORS as error:
            raise PluginError(f"shift {str(spec)!r} cannot be built: {describe_error(error)}") from error
    return env


def shifts_of(env: Environment) -> list[Shift]:
    """The shifts around an environment, innermost first."""
    found: list[Shift] = []
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, Shift):
            found.append(env)
        env = env.env
    return found[::-1]


def frame_lags(env: Environment) -> tuple[int, ...]:
    """Earlier frames, in control steps, that one frame of this environment is made from; holds 0."""
    lags = {0}
    for shift in shifts_of(env):
        lags = {0} | {inner + outer for inner, outer in product(lags, shift.frame_lags)}
    return tuple(sorted(lags))


def task_info(env: Environment, task_id: str) -> TaskInfo:
    """What a policy may know about an environment's task.

    A built-in environment states it as `task_info`, and so does what `make_base` makes of another one; of an
    environment that somebody made otherwise it is read off its spaces and metadata.

    Raises:
        SpecError: If the environment cannot be a task; see `fdp_bench.tasks.external.make.adapted`.
    """
    info: TaskInfo = adapted(env, task_id).unwrapped.task_info  # type: ignore[attr-defined]
    return info

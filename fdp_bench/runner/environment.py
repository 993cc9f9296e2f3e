"""Environments: from a task's name and shifts to a wrapped Gymnasium environment."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import gymnasium

from fdp_bench.api.errors import FdpBenchError, SpecError, nearest
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.scene_shift import SceneShift
from fdp_bench.api.shift import Shift, ShiftSpec
from fdp_bench.plugins import load_shift
from fdp_bench.specs import resolve_shifts
from fdp_bench.tasks import TASKS, resolve_task

Environment = gymnasium.Env[Any, Any]

DEFAULT_PROFILE = "fast"


def make_env(task_id: str, shifts: Sequence[ShiftSpec] = (), profile: str = DEFAULT_PROFILE) -> Environment:
    """Build a task's environment under shifts: scene shifts innermost, then observation shifts, as given.

    Args:
        task_id: Anything `fdp_bench.tasks.resolve_task` takes.
        shifts: Shifts that act together.
        profile: Render profile of the built-in tasks; others have none.

    Raises:
        SpecError: If the task cannot be built.
        ShiftConfigError: If a shift knows no such option.
    """
    return wrap(make_base(task_id, profile), shifts)


def make_base(task_id: str, profile: str = DEFAULT_PROFILE) -> Environment:
    """Build a task's environment without shifts. See `make_env`."""
    identifier = resolve_task(task_id)
    options: dict[str, Any] = {"profile": profile} if identifier in TASKS else {}
    try:
        return gymnasium.make(identifier, disable_env_checker=True, **options)
    except FdpBenchError:
        raise
    except Exception as error:
        raise SpecError(f"task {task_id!r} cannot be built: {type(error).__name__}: {error}") from error


def wrap(env: Environment, shifts: Sequence[ShiftSpec]) -> Environment:
    """Put shifts around an environment, scene shifts innermost; the environment itself may be used again."""
    kinds = [(load_shift(spec.name), spec) for spec in resolve_shifts(shifts)]
    kinds.sort(key=lambda pair: not issubclass(pair[0], SceneShift))
    for kind, spec in kinds:
        env = kind(env, severity=spec.severity, **spec.options)
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

    A built-in environment states it as `task_info`; another one's is read off its spaces, its
    ``metadata["modalities"]`` and its registration.

    Raises:
        SpecError: If the environment keeps a rule of DESIGN 2 not: a Dict observation space, a modality map over its
            keys, actions (A,) in [-1, 1], and a horizon.
    """
    stated = getattr(env.unwrapped, "task_info", None)
    if isinstance(stated, TaskInfo):
        return stated
    where = f"task {task_id!r}"
    observations, actions = env.observation_space, env.action_space
    if not isinstance(observations, gymnasium.spaces.Dict):
        raise SpecError(
            f"{where} has observation space {observations}; a Dict is needed, wrap the environment"
        )
    modalities = env.unwrapped.metadata.get("modalities")
    if not modalities:
        raise SpecError(f'{where} states no metadata["modalities"], such as {{"prop": ("prop",)}}')
    for modality, keys in modalities.items():
        for key in keys:
            if key not in observations.spaces:
                raise SpecError(
                    f"{where}: modality {modality!r} names key {key!r}{nearest(key, observations.spaces)}"
                )
    if not _is_unit_box(actions):
        raise SpecError(f"{where} has action space {actions}; a Box of shape (A,) in [-1, 1] is needed")
    horizon = env.spec.max_episode_steps if env.spec else None
    if not horizon:
        raise SpecError(f"{where} has no horizon; register it with max_episode_steps")
    return TaskInfo(
        task_id=task_id,
        modalities={name: tuple(keys) for name, keys in modalities.items()},
        observation_shapes={key: tuple(space.shape or ()) for key, space in observations.spaces.items()},
        action_dim=int(actions.shape[0]) if actions.shape else 0,
        horizon=int(horizon),
        control_hz=float(env.unwrapped.metadata.get("render_fps") or 0.0),
    )


def _is_unit_box(space: gymnasium.Space[Any]) -> bool:
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        return False
    return bool((space.low == -1.0).all() and (space.high == 1.0).all())

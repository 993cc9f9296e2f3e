"""All that can be wrong with a run, found before anything is written."""

import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

import numpy as np

from fdp_bench.api.episode import CLEAN
from fdp_bench.api.errors import CheckpointError, FdpBenchError, PluginError, SpecError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.policy import Policy, PolicySpec
from fdp_bench.plugins import POLICY_GROUP, SHIFT_GROUP, load_policy, require_plugin
from fdp_bench.runner.rollout.batched_policy import policy_keys
from fdp_bench.runner.rollout.environment import Environment, frame_lags, shifts_of
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.latency import probe_latency_ms
from fdp_bench.runner.rollout.plugin_calls import PLUGIN_ERRORS, TooSlow, describe_error, time_limit
from fdp_bench.runner.rollout.record_fields import combined_receipt
from fdp_bench.specs import format_shifts, parse_policy, parse_shifts, resolve_policy, resolve_shifts
from fdp_bench.tasks.external.env import ExternalEnv
from fdp_bench.tasks.external.make import check_starts_alike

#: Longest time that decisions are measured before the run, seconds; well before the silence counts as hanging.
_PROBE_S = 300.0


@dataclass(frozen=True)
class PreflightRequest:
    """What is to be checked.

    Attributes:
        policies: Policy strings as typed.
        shifts: Shift strings as typed.
        device: Device that policies are built on.
    """

    policies: tuple[str, ...]
    shifts: tuple[str, ...]
    device: str


@dataclass(frozen=True)
class ResolvedPolicy:
    """A policy that can act on the task.

    Attributes:
        spec: Canonical string, completed by the policy.
        sha256: Hash over its weights; empty where it has none.
        source: Where the weights come from.
        card: The checkpoint's card, JSON-ready.
        sampler: How it turns noise into actions, see `Policy.sampler_name`.
        latency_ms: Wall times of one decision for a single episode, see `probe_latency_ms`; empty where none were
            measured, or where the policy raised.
        warnings: What its weights warn of, see `WeightsInfo`.
    """

    spec: str
    sha256: str
    source: str
    card: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = ""
    latency_ms: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreflightReport:
    """What was asked for, resolved.

    Attributes:
        task: The task.
        policies: The policies, without repetition.
        shifts: Canonical shift strings, without repetition and without ``"clean"``.
        plugins: ``kind``, ``name``, ``distribution`` and ``version`` of each plugin used.
        renderer: Render profile and OpenGL strings; empty for a task that is not drawn by this package.
        observation_dtypes: Observation key -> dtype's name.
    """

    task: TaskInfo
    policies: tuple[ResolvedPolicy, ...]
    shifts: tuple[str, ...]
    plugins: tuple[Mapping[str, str], ...]
    renderer: Mapping[str, str]
    observation_dtypes: Mapping[str, str]


def check(
    lane: Lane, request: PreflightRequest, begin: Callable[[str], None] = lambda what: None
) -> PreflightReport:
    """Resolve policies and shifts, load each policy once, and act one step under each shift.

    Args:
        lane: Where the environment is built; it stays usable.
        request: What is to be checked.
        begin: Called before whatever may take long, with its name.

    Raises:
        FdpBenchError: Whatever is wrong, in words for a user.
    """
    begin("its task")
    # The plain task object crosses process borders, whatever mapping the environment uses.
    task = lane.task
    task = replace(task, modalities=dict(task.modalities), observation_shapes=dict(task.observation_shapes))
    shift_texts = [format_shifts(resolve_shifts(parse_shifts(text))) for text in request.shifts]
    shifts = tuple(dict.fromkeys(text for text in shift_texts if text != CLEAN))
    policies = check_policies(request.policies, task, request.device, begin)
    for shift in (CLEAN, *shifts):
        begin(f"shift {shift!r}")
        _check_environment(lane.environment(shift), shift, task)
    if isinstance(lane.base.unwrapped, ExternalEnv):
        _refuse_another_map(lane.base.unwrapped, policies)
        check_starts_alike(lane.base.unwrapped)
    return PreflightReport(
        task=task,
        policies=policies,
        shifts=shifts,
        plugins=(*plugins_used([policy.spec for policy in policies], shifts), *_distribution_of(lane.base)),
        renderer=_renderer(task),
        observation_dtypes=_dtypes(lane.base),
    )


def check_policies(
    texts: Sequence[str], task: TaskInfo, device: str, begin: Callable[[str], None] = lambda what: None
) -> tuple[ResolvedPolicy, ...]:
    """Resolve policies and load each one once.

    Args:
        texts: Policy strings as typed.
        task: The task.
        device: Device that they are built on.
        begin: See `check`.

    Returns:
        The policies, without repetition.

    Raises:
        FdpBenchError: Whatever is wrong, in words for a user.
    """
    policies: dict[str, ResolvedPolicy] = {}
    for text in texts:
        begin(f"policy {text!r}")
        found = _check_policy(text, task, device)
        policies.setdefault(found.spec, found)
    return tuple(policies.values())


def build_policy(spec: PolicySpec, task: TaskInfo, device: str) -> Policy:
    """Build a policy with its weights.

    Raises:
        CheckpointError: If it has none.
        PluginError: If its constructor fails in a way that it does not explain.
    """
    kind = load_policy(spec.name)
    try:
        policy = kind(spec, task, device=device)
        _check_constants(policy)
        policy_keys(policy, task)
    except FdpBenchError:
        raise
    except PLUGIN_ERRORS as error:
        raise PluginError(f"policy {str(spec)!r} cannot be built: {describe_error(error)}") from error
    return policy


def _check_policy(text: str, task: TaskInfo, device: str) -> ResolvedPolicy:
    kind, spec = resolve_policy(text, task)
    weights = kind.weights(spec, task)
    if weights.needs_calibration:
        raise CheckpointError(weights.source)
    if not weights.available:
        raise CheckpointError(
            f"policy {str(spec)!r} has no weights for task {task.task_id!r}: {weights.source}"
        )
    policy = build_policy(spec, task, device)
    card = json.loads(json.dumps(dict(weights.card), default=str))
    return ResolvedPolicy(
        spec=str(spec),
        sha256=weights.sha256,
        source=weights.source,
        card=card,
        sampler=kind.sampler_name(spec),
        latency_ms=_latency_ms(policy, task),
        warnings=weights.warnings,
    )


def _latency_ms(policy: Policy, task: TaskInfo) -> tuple[float, ...]:
    try:
        with time_limit(_PROBE_S):
            return tuple(round(value, 3) for value in probe_latency_ms(policy, task))
    except (*PLUGIN_ERRORS, TooSlow):
        # No reason to stop: what a policy raises when it is asked counts as a failure of the episode that asked.
        return ()


def _check_constants(policy: Policy) -> None:
    for name in ("n_obs_steps", "n_action_steps"):
        value = getattr(policy, name)
        if not isinstance(value, int) or value < 1:
            raise PluginError(
                f"policy {str(policy.spec)!r} states {name} = {value!r}; a whole number >= 1 is needed"
            )
    shape = policy.noise_shape
    if not isinstance(shape, (tuple, list)) or not all(isinstance(side, Integral) for side in shape):
        raise PluginError(
            f"policy {str(policy.spec)!r} states noise_shape = {shape!r}; a tuple of whole numbers is needed"
        )


def _refuse_another_map(env: ExternalEnv, policies: Sequence[ResolvedPolicy]) -> None:
    """Refuse weights whose cards say that another map made their task: its numbers may mean something else."""
    for policy in policies:
        trained = policy.card.get("task_map_sha256") or env.map_sha256
        if trained != env.map_sha256:
            raise CheckpointError(
                f"policy {policy.spec!r} was trained on another map of {env.task_info.task_id} (digest "
                f"{str(trained)[:12]}, now {env.map_sha256[:12]}); train it again, and give a changed map another "
                "version in its 'id'"
            )


def _check_environment(env: Environment, shift: str, task: TaskInfo) -> None:
    try:
        frame_lags(env)
        env.reset(seed=0, options={"shift_seed": 0})
        combined_receipt(shift, shifts_of(env))
        _, _, _, _, info = env.step(np.zeros(task.action_dim, dtype=np.float32))
    except FdpBenchError:
        raise
    except PLUGIN_ERRORS as error:
        under = "" if shift == CLEAN else f" under shift {shift!r}"
        raise PluginError(
            f"task {task.task_id!r}{under} fails on its first step: {describe_error(error)}"
        ) from error
    if "success" not in info:
        has = ", ".join(map(repr, info)) or "nothing"
        raise SpecError(
            f"task {task.task_id!r} gives no info['success'], so nothing can be counted; wrap it, or name the key that "
            f"says it in a map, success = KEY (info holds {has})"
        )


def _distribution_of(env: Environment) -> tuple[Mapping[str, str], ...]:
    """Name and version of the distribution that an environment of somebody else's comes from, if it is installed."""
    if not isinstance(env.unwrapped, ExternalEnv):
        return ()
    module = type(env.unwrapped.inner.unwrapped).__module__.partition(".")[0]
    names = importlib.metadata.packages_distributions().get(module, ())
    return tuple(
        {
            "kind": "task",
            "name": env.unwrapped.task_info.task_id,
            "distribution": name,
            "version": importlib.metadata.version(name),
        }
        for name in list(names)[:1]
    )


def _dtypes(env: Environment) -> dict[str, str]:
    spaces = getattr(env.observation_space, "spaces", {})
    return {key: np.dtype(space.dtype).name for key, space in spaces.items()}


def plugins_used(policies: Sequence[str], shifts: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """``kind``, ``name``, ``distribution`` and ``version`` of each plugin that resolved strings name."""
    names = dict.fromkeys((POLICY_GROUP, parse_policy(text).name) for text in policies)
    names |= dict.fromkeys((SHIFT_GROUP, spec.name) for text in shifts for spec in parse_shifts(text))
    plugins = [require_plugin(name, group) for group, name in names]
    return tuple(
        {
            "kind": plugin.kind,
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
        }
        for plugin in plugins
    )


def _renderer(task: TaskInfo) -> dict[str, str]:
    if not task.profile:
        return {}
    from fdp_bench.sim.gl import gl_strings

    return {"profile": task.profile, **gl_strings()}

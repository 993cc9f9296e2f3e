"""Conformance checks for authors of shifts and policies: call them in your own tests.

    from fdp_bench.testing import check_shift
    from fdp_bench.toy import TOY_TASK

    def test_salt_keeps_the_rules():
        check_shift(Salt, TOY_TASK)

A check returns nothing when every rule is kept and raises `ConformanceError` at the first that is broken.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gymnasium

from fdp_bench.api import Policy, PolicySpec, Shift
from fdp_bench.plugins import load_shift
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.specs import find_policy
from fdp_bench.tasks.external.make import adapted
from fdp_bench.testing.error import ConformanceError
from fdp_bench.testing.policy_check import PolicyCheck
from fdp_bench.testing.shift_check import ShiftCheck

__all__ = ["DEFAULT_TASK", "ConformanceError", "check_policy", "check_shift"]

DEFAULT_TASK = "fdp_bench/Lift-v1"


def check_shift(
    shift: type[Shift] | str,
    task: gymnasium.Env[Any, Any] | str = DEFAULT_TASK,
    *,
    options: Mapping[str, Any] | None = None,
    steps: int = 8,
    seed: int = 0,
) -> None:
    """Check that a shift keeps every rule.

    Args:
        shift: The class, or the name of an installed shift.
        task: Gymnasium id, or an environment that is used and left open. `fdp_bench.toy.TOY_TASK` is quick.
        options: Options of the shift.
        steps: Control steps an episode, >= 4. More of them see more of a shift that acts now and then.
        seed: Seed of the episodes.

    Raises:
        ConformanceError: If a rule is broken.
    """
    kind = load_shift(shift) if isinstance(shift, str) else shift
    with _environment(task) as env:
        ShiftCheck(kind, env, dict(options or {}), steps, seed).run()


def check_policy(
    policy: type[Policy] | str,
    task: gymnasium.Env[Any, Any] | str = DEFAULT_TASK,
    *,
    spec: PolicySpec | None = None,
    rows: int = 4,
    seed: int = 0,
) -> None:
    """Check that a policy keeps every rule.

    Args:
        policy: The class, or the text of a spec of an installed policy (``"fdp:prop>vision"``).
        task: Gymnasium id, or an environment that is used and left open. `fdp_bench.toy.TOY_TASK` is quick.
        spec: What to build a class with; its name alone if left out.
        rows: Rows of the batches that it is asked with, >= 2.
        seed: Seed of the observations and the noise.

    Raises:
        ConformanceError: If a rule is broken.
        CheckpointError: If it has no weights for the task.
    """
    if isinstance(policy, str):
        kind, spec = find_policy(policy)
    else:
        kind = policy
        spec = spec or PolicySpec(kind.__name__.lower())
    with _environment(task) as env:
        PolicyCheck(kind, spec, env, rows, seed).run()


@contextmanager
def _environment(task: gymnasium.Env[Any, Any] | str) -> Iterator[gymnasium.Env[Any, Any]]:
    if not isinstance(task, str):
        yield adapted(task, getattr(task.spec, "id", "") or type(task.unwrapped).__name__)
        return
    env = make_base(task)
    try:
        yield env
    finally:
        env.close()

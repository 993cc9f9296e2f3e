"""From a suite to the policies that it needs trained: one cell a (task, policy, size, seed, variant)."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.policy import Policy
from fdp_bench.api.validation import MAX_WHOLE
from fdp_bench.specs import parse_policy, parse_shifts, resolve_policy
from fdp_bench.suites.suite import Suite, Variant
from fdp_bench.tasks import TASKS, describe

#: Label of what is evaluated as it comes, for policies that cannot be trained.
UNTRAINED = "untrained"
_EPOCHS, _STEPS = "_epochs", "_steps"


@dataclass(frozen=True)
class Cell:
    """One policy to be trained, or found trained, and evaluated.

    Attributes:
        task: Gymnasium id.
        policy: Canonical policy string without a checkpoint.
        demos: Demonstrations to train on; None for a policy that cannot be trained.
        train_seed: Training seed; None likewise.
        variant: Name of the way to train; empty for the suite's recipe.
        settings: Every training setting as text, ``num_demos`` and ``seed`` included; empty for the untrained.
    """

    task: str
    policy: str
    demos: int | None
    train_seed: int | None
    variant: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Folder name of its size, seed and variant; cells that share it are evaluated in one run."""
        if self.demos is None:
            return UNTRAINED
        return f"demos{self.demos}-seed{self.train_seed}" + (f"-{self.variant}" if self.variant else "")

    @property
    def is_trainable(self) -> bool:
        """Whether the policy has a training at all."""
        return self.demos is not None


#: (task, number of demonstrations) -> training windows, one a control step.
Windows = Callable[[str, int], int]


def plan_cells(suite: Suite, windows: Windows, *, steps: int | None = None) -> tuple[Cell, ...]:
    """Cross a suite's tasks, sizes, seeds, variants and policies, in this order.

    Args:
        suite: The suite.
        windows: Training windows of a task's demonstrations, for settings in epochs.
        steps: Scales every number of steps or epochs that the suite names so that its own ``steps`` become this; it
            shows in the cells' variant. None leaves them.

    Raises:
        SpecError: If a policy does not know its order or options, or epochs come without a batch size.
    """
    scale, suffix = _scale(suite, steps)
    cells: list[Cell] = []
    for task in suite.tasks:
        info = task_info(task, suite.profile)
        resolved = {text: _resolve(text, info) for text in suite.policies}
        for demos in suite.demos:
            for seed in suite.train_seeds:
                for variant in suite.variants:
                    plain = {**suite.training, **variant.settings}
                    plain |= {"num_demos": str(demos), "seed": str(seed)}
                    settings = _in_steps(plain, scale, suite, variant, partial(windows, task, demos))
                    if steps is not None:
                        settings.setdefault("steps", str(steps))
                    name = "-".join(filter(None, (variant.name, suffix)))
                    for text in variant.policies or suite.policies:
                        policy, trainable = resolved[text]
                        cell = Cell(task, policy, demos, seed, name, settings)
                        untrained = Cell(task, policy, None, None, "")
                        cells.append(cell if trainable else untrained)
    return tuple(_unique(cells))


def filtered(
    suite: Suite,
    policies: Sequence[str],
    shifts: Sequence[str],
    *,
    tasks: Sequence[str] = (),
    train_seeds: Sequence[int] = (),
) -> Suite:
    """The part of a suite with some policies, shifts, tasks and training seeds; empty filters leave all.

    Args:
        suite: The suite.
        policies: Policy strings of the suite, or names that stand for all orders and options.
        shifts: Shift strings of the suite, or such strings without severity, which stand for all severities.
        tasks: Gymnasium ids of the suite, or short names.
        train_seeds: Training seeds of the suite.

    Raises:
        SpecError: If a filter leaves nothing.
    """
    kept_policies = _kept("policy", suite.policies, policies, lambda text: parse_policy(text).name)
    kept_shifts = _kept("shift", suite.shifts, shifts, _without_severity)
    variants = tuple(
        replace(variant, policies=tuple(text for text in variant.policies if text in kept_policies))
        for variant in suite.variants
        if not variant.policies or set(variant.policies) & set(kept_policies)
    )
    for seed in train_seeds:
        if seed not in suite.train_seeds:
            seeds = ", ".join(map(str, suite.train_seeds))
            raise SpecError(f"the suite has no training seed {seed}; it has {seeds}")
    return replace(
        suite,
        policies=kept_policies,
        shifts=kept_shifts,
        variants=variants,
        tasks=_kept("task", suite.tasks, tasks, short_task),
        train_seeds=tuple(seed for seed in suite.train_seeds if not train_seeds or seed in train_seeds),
    )


def task_info(task: str, profile: str) -> TaskInfo:
    """What a policy may know about a task; one that is not of the package is built for it.

    Raises:
        SpecError: If the task cannot be built or breaks a rule.
    """
    if task in TASKS:
        return replace(describe(task), profile=profile)
    from fdp_bench.runner.rollout.environment import make_base
    from fdp_bench.runner.rollout.environment import task_info as info_of

    env = make_base(task, profile)
    try:
        return info_of(env, task)
    finally:
        env.close()


def short_task(task: str) -> str:
    """A task's name for folders and tables: ``"Lift"``."""
    if task in TASKS:
        return TASKS[task].short_name
    return re.sub(r"[^A-Za-z0-9.]+", "-", task.rpartition("/")[2]).strip("-.")


def can_be_trained(kind: type[Policy]) -> bool:
    """Whether a policy offers `Policy.fit`."""
    return getattr(kind.fit, "__func__", None) is not Policy.fit.__func__  # type: ignore[attr-defined]


def _resolve(text: str, task: TaskInfo) -> tuple[str, bool]:
    kind, spec = resolve_policy(text, task)
    return str(spec), can_be_trained(kind)


def _unique(cells: Iterable[Cell]) -> list[Cell]:
    """Two spellings of a policy are one cell, and so is a policy that no training reaches."""
    found: dict[tuple[str, str, str], Cell] = {}
    for cell in cells:
        found.setdefault((cell.task, cell.label, cell.policy), cell)
    return list(found.values())


def _scale(suite: Suite, steps: int | None) -> tuple[float, str]:
    if steps is None or suite.training.get("steps") == str(steps):
        return 1.0, ""
    own = suite.training.get("steps")
    if own is not None:
        _number(suite, Variant(), "steps", own)
    return (steps / float(own) if own and float(own) else 1.0), f"steps{steps}"


def _in_steps(
    settings: Mapping[str, str], scale: float, suite: Suite, variant: Variant, windows: Callable[[], int]
) -> dict[str, str]:
    """Turn epochs into gradient steps, and scale all steps; 0 stays 0."""
    result: dict[str, str] = {}
    for key, text in settings.items():
        if key.endswith(_EPOCHS):
            per_epoch = windows() / _number(suite, variant, "batch_size", settings.get("batch_size", ""))
            steps = _number(suite, variant, key, text) * per_epoch * scale
            result[key.removesuffix(_EPOCHS) + _STEPS] = str(math.ceil(steps))
        elif key == "steps" or key.endswith(_STEPS):
            result[key] = str(math.ceil(_number(suite, variant, key, text) * scale))
        else:
            result[key] = text
    return result


def _number(suite: Suite, variant: Variant, key: str, text: str) -> float:
    where = f"{suite.source}: key 'training'" + (f" with variant {variant.name!r}" if variant.name else "")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < MAX_WHOLE or (value == 0 and key == "batch_size"):
        needed = "; settings in epochs need batch_size = N" if key == "batch_size" else ""
        raise SpecError(f"{where}: {key} = {text!r} is no number from 0 on{needed}")
    return value


def _without_severity(shift: str) -> str:
    return "+".join(spec.name for spec in parse_shifts(shift))


def _kept(
    kind: str, entries: tuple[str, ...], wanted: Sequence[str], short: Callable[[str], str]
) -> tuple[str, ...]:
    for text in wanted:
        if text not in entries and text not in {short(entry) for entry in entries}:
            raise SpecError(f"the suite has no {kind} {text!r}{nearest(text, entries)}")
    if not wanted:
        return entries
    return tuple(entry for entry in entries if entry in wanted or short(entry) in wanted)

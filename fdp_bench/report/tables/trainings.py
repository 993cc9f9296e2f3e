"""How policies are called in tables and plots: by their recipe, and by what tells their trainings apart."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from fdp_bench.api import EpisodeRecord, Training

if TYPE_CHECKING:
    import pandas

#: (policy string, SHA-256 over its weights): names one trained policy.
PolicyKey = tuple[str, str]
#: Trained policy -> the tasks that it was run on.
Tasks = Mapping[PolicyKey, Collection[str]]
#: Names of the facts that trainings differ in.
DEMOS, SEED, VARIANT = "demos", "seed", "variant"
_FACTS = (VARIANT, DEMOS, SEED)


def find_trainings(records: Iterable[EpisodeRecord]) -> dict[PolicyKey, Training]:
    """What the policies of some episodes were trained on, as far as the records know.

    Returns:
        (policy string, checkpoint) -> its training.
    """
    found: dict[PolicyKey, Training] = {}
    for record in records:
        spec = record.spec
        training = Training(spec.train_demos, spec.train_seed, spec.variant)
        found.setdefault((spec.policy, spec.checkpoint), training)
    return found


def tasks_of(records: Iterable[EpisodeRecord]) -> dict[PolicyKey, set[str]]:
    """The tasks that each policy was run on."""
    tasks: dict[PolicyKey, set[str]] = {}
    for record in records:
        tasks.setdefault((record.spec.policy, record.spec.checkpoint), set()).add(record.spec.task)
    return tasks


def tasks_in(summary: "pandas.DataFrame") -> dict[PolicyKey, set[str]]:
    """The same, of a table with the columns ``task``, ``policy`` and ``checkpoint``."""
    tasks: dict[PolicyKey, set[str]] = {}
    for task, policy, checkpoint in zip(
        *(summary[name] for name in ("task", "policy", "checkpoint")), strict=True
    ):
        tasks.setdefault((policy, checkpoint), set()).add(task)
    return tasks


def trainings_in(summary: "pandas.DataFrame") -> dict[PolicyKey, Training]:
    """What the policies of a summary were trained on; see `find_trainings`."""
    names = ("policy", "checkpoint", "train_demos", "train_seed", "variant")
    return {
        (policy, checkpoint): Training(_whole(demos), _whole(seed), variant)
        for policy, checkpoint, demos, seed, variant in zip(*(summary[name] for name in names), strict=True)
    }


def _whole(value: float) -> int | None:
    return None if value is None or math.isnan(value) else int(value)


def recipe_of(policy: str) -> str:
    """A policy string without its checkpoint: equal for all trainings of one kind of policy."""
    head, mark, options = policy.partition("?")
    return head.partition("@")[0] + mark + options


def name_policies(
    trainings: Mapping[PolicyKey, Training], tasks: Tasks | None = None
) -> dict[PolicyKey, str]:
    """Short unambiguous names: the recipe alone where it is unique, else with what its trainings differ in.

    A recipe is trained anew for each task, seldom on as many demonstrations. What differs from task to task alone is
    in no name, so that one policy bears one name, and one colour, on all of them; tables say it in their notes.

    Args:
        trainings: As `find_trainings` returns them.
        tasks: As `tasks_of` returns them. Policies that share no task may share a name, since every table names the
            task too; without them no two policies share one.

    Returns:
        (policy, checkpoint) -> for instance ``"dp-dit"``, ``"dp-dit, 25 demos, seed 1"``, or
        ``"dp-dit #1a2b3c4d"`` where nothing but the weights' hash differs.
    """
    names = _names(trainings, (), tasks)

    def is_ambiguous(key: PolicyKey) -> bool:
        return any(names[other] == names[key] and _meet(key, other, tasks) for other in names if other != key)

    return {
        key: (f"{name} #{key[1][:8]}" if key[1] else key[0]) if is_ambiguous(key) else name
        for key, name in names.items()
    }


def name_series(
    trainings: Mapping[PolicyKey, Training],
    tasks: Tasks | None = None,
    *,
    pooled: Collection[str] = (SEED,),
) -> dict[PolicyKey, str]:
    """Names that trainings share when they differ only in what is pooled.

    Args:
        trainings: (policy, checkpoint) -> its training.
        tasks: See `name_policies`.
        pooled: Some of `DEMOS` and `SEED`. A policy whose pooled facts are unknown keeps a name of its own, and so do
            two that were trained alike on one task, from one seed too: they are no two seeds.
    """
    shared, own = _names(trainings, pooled, tasks), name_policies(trainings, tasks)

    def is_one_of_several(key: PolicyKey) -> bool:
        training = trainings[key]
        is_known = all(getattr(training, fact) is not None for fact in pooled)
        return is_known and not any(
            trainings[other] == training and shared[other] == shared[key] and _meet(key, other, tasks)
            for other in trainings
            if other != key
        )

    return {key: shared[key] if is_one_of_several(key) else own[key] for key in trainings}


def are_compared(first: PolicyKey, second: PolicyKey, trainings: Mapping[PolicyKey, Training]) -> bool:
    """Whether a table compares two policies episode by episode.

    Not those known to be trained on other numbers of demonstrations or from other seeds, which the curves are
    for; and of variants of a training, each with the recipe's own and with the same variant of other recipes. A
    factorial design would otherwise drown in its own pairs, and Holm's adjustment with it.

    Args:
        first: (policy, checkpoint).
        second: Another one.
        trainings: As `find_trainings` returns them.
    """
    one, other = trainings[first], trainings[second]
    pairs = ((one.demos, other.demos), (one.seed, other.seed))
    if any(a is not None and b is not None and a != b for a, b in pairs):
        return False
    same_recipe = recipe_of(first[0]) == recipe_of(second[0])
    return one.variant == other.variant or (same_recipe and "" in (one.variant, other.variant))


def _names(
    trainings: Mapping[PolicyKey, Training], ignored: Collection[str], tasks: Tasks | None
) -> dict[PolicyKey, str]:
    """Recipe, and the facts that vary among its trainings for one task but for those ignored."""
    by_recipe: dict[str, list[PolicyKey]] = {}
    for key in trainings:
        by_recipe.setdefault(recipe_of(key[0]), []).append(key)
    names: dict[PolicyKey, str] = {}
    for recipe, members in by_recipe.items():
        rivals = _rivals(members, tasks)
        varying = [fact for fact in _FACTS if fact not in ignored and _varies(fact, rivals, trainings)]
        settings: list[list[set[str]]] = [
            [set(trainings[key].variant.split(",")) for key in group] for group in rivals
        ]
        # What all of them were trained with, a scaled budget for instance, tells nobody apart.
        telling = {
            setting
            for group in settings
            for setting in group[0].union(*group).difference(group[0].intersection(*group))
        }
        for key in members:
            facts = {fact: getattr(trainings[key], fact) for fact in varying}
            if VARIANT in facts:
                facts[VARIANT] = ",".join(
                    setting for setting in facts[VARIANT].split(",") if setting in telling
                )
            shown = [_fact_text(fact, value) for fact, value in facts.items()]
            names[key] = ", ".join([recipe, *filter(None, shown)])
    return names


def _rivals(members: Collection[PolicyKey], tasks: Tasks | None) -> list[list[PolicyKey]]:
    """Those of some policies that were run on one task, for each task; all of them where nobody knows the tasks."""
    if tasks is None:
        return [list(members)]
    every = dict.fromkeys(task for key in members for task in tasks.get(key, ()))
    return [[key for key in members if task in tasks.get(key, ())] for task in every]


def _varies(
    fact: str, rivals: Iterable[Iterable[PolicyKey]], trainings: Mapping[PolicyKey, Training]
) -> bool:
    return any(len({getattr(trainings[key], fact) for key in group}) > 1 for group in rivals)


def _meet(first: PolicyKey, second: PolicyKey, tasks: Tasks | None) -> bool:
    """Whether one table may hold both."""
    return tasks is None or bool(set(tasks.get(first, ())) & set(tasks.get(second, ())))


def _fact_text(fact: str, value: object) -> str:
    if value is None:
        return ""
    return {DEMOS: f"{value} demos", SEED: f"seed {value}"}.get(fact, str(value))

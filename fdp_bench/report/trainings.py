"""What each evaluated policy was trained on, read off the cards in the manifests, and how it is called."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdp_bench.records import Manifest

#: (policy string, SHA-256 over its weights): names one trained policy.
PolicyKey = tuple[str, str]
#: Names of the facts that trainings of a sweep differ in.
TRAIN_DEMOS, TRAIN_SEED = "train_demos", "train_seed"
#: Facts of a card that follow from the rest, or that do not tell two trainings apart.
_NOT_SETTINGS = {"num_demos", "seed", "eval_every", "eval_windows"}
#: Words for settings whose names are long.
_SHORT = {"learning_rate": "lr", "loss_weight": "loss"}


@dataclass(frozen=True)
class Training:
    """How one policy came to its weights.

    Attributes:
        recipe: Policy string without its checkpoint: equal for all trainings of one kind of policy.
        train_demos: Number of demonstrations; None where the card does not say.
        train_seed: Training seed; None where the card does not say.
        settings: Everything else that the card says decided the weights, flat: name -> value.
        log_path: CSV log beside the checkpoint, whether or not it is there; None for bundled weights.
        log_rows: The log's rows as the card keeps them.
    """

    recipe: str
    train_demos: int | None = None
    train_seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    log_path: Path | None = None
    log_rows: tuple[Mapping[str, Any], ...] = ()


def find_trainings(manifests: Iterable[Manifest]) -> dict[PolicyKey, Training]:
    """Read the trainings of all policies of some runs.

    Returns:
        (policy string, checkpoint) -> its training; policies without a card have no numbers.
    """
    found: dict[PolicyKey, Training] = {}
    for manifest in manifests:
        for policy in manifest.policies:
            spec = str(policy.get("spec", ""))
            found.setdefault((spec, str(policy.get("sha256", ""))), _training(spec, policy))
    return found


def recipe_of(policy: str) -> str:
    """A policy string without its checkpoint: ``"fdp:prop>vision@a/b.safetensors?x=y"`` -> ``"fdp:prop>vision?x=y"``."""
    return re.sub(r"@[^?]*", "", policy)


def name_policies(
    policies: Iterable[PolicyKey], trainings: Mapping[PolicyKey, Training]
) -> dict[PolicyKey, str]:
    """Short unambiguous names: the recipe alone where it is unique, else with what tells its trainings apart.

    Returns:
        (policy, checkpoint) -> for instance ``"dp-dit"``, ``"dp-dit, 25 demos, seed 1"``, or
        ``"dp-dit #1a2b3c4d"`` where nothing but the weights' hash differs.
    """
    names = _names(policies, trainings, frozenset())
    taken = list(names.values())
    return {
        key: name if taken.count(name) == 1 else f"{name} #{key[1][:8]}" if key[1] else key[0]
        for key, name in names.items()
    }


def name_series(
    policies: Iterable[PolicyKey],
    trainings: Mapping[PolicyKey, Training],
    *,
    pooled: Collection[str] = (TRAIN_SEED,),
) -> dict[PolicyKey, str]:
    """Names that trainings share when they differ only in what is pooled.

    Args:
        policies: (policy, checkpoint) pairs.
        trainings: Their trainings; a policy without one keeps a name of its own.
        pooled: `TRAIN_SEED`, `TRAIN_DEMOS` or both.
    """
    keys = list(dict.fromkeys(policies))
    shared, own = _names(keys, trainings, frozenset(pooled)), name_policies(keys, trainings)
    return {key: shared[key] if _facts(trainings.get(key)) else own[key] for key in keys}


def _names(
    policies: Iterable[PolicyKey], trainings: Mapping[PolicyKey, Training], ignored: frozenset[str]
) -> dict[PolicyKey, str]:
    """Recipe and the facts that vary among its trainings, but for those ignored."""
    by_recipe: dict[str, list[PolicyKey]] = {}
    for key in dict.fromkeys(policies):
        by_recipe.setdefault(recipe_of(key[0]), []).append(key)
    names: dict[PolicyKey, str] = {}
    for recipe, members in by_recipe.items():
        facts = {key: _facts(trainings.get(key)) for key in members}
        varying = [
            fact
            for fact in dict.fromkeys(name for of in facts.values() for name in of)
            if fact not in ignored and len({repr(of.get(fact)) for of in facts.values()}) > 1
        ]
        for key in members:
            shown = [_fact_text(fact, facts[key][fact]) for fact in varying if fact in facts[key]]
            names[key] = ", ".join([recipe, *shown])
    return names


def _training(spec: str, policy: Mapping[str, Any]) -> Training:
    card = _mapping(policy.get("card"))
    determinants = _mapping(card.get("determinants"))
    training = _mapping(determinants.get("training"))
    demos = determinants.get("train_demos", training.get("num_demos"))
    source = str(policy.get("source", ""))
    settings = {key: value for key, value in training.items() if key not in _NOT_SETTINGS}
    settings |= {key: card[key] for key in ("composition",) if key in card}
    settings |= {key: value for key, value in _mapping(determinants.get("network")).items()}
    rows = _mapping(card.get("log")).get("rows", ())
    return Training(
        recipe=recipe_of(spec),
        train_demos=demos if isinstance(demos, int) else None,
        train_seed=training["seed"] if isinstance(training.get("seed"), int) else None,
        settings=settings,
        log_path=Path(source).with_suffix(".csv") if source.endswith(".safetensors") else None,
        log_rows=tuple(row for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else (),
    )


def _facts(training: Training | None) -> dict[str, Any]:
    if training is None:
        return {}
    numbers = {TRAIN_DEMOS: training.train_demos, TRAIN_SEED: training.train_seed}
    return {key: value for key, value in numbers.items() if value is not None} | dict(training.settings)


def _fact_text(name: str, value: Any) -> str:
    if name == TRAIN_DEMOS:
        return f"{value} demos"
    if name == TRAIN_SEED:
        return f"seed {value}"
    word = _SHORT.get(name, name).replace("_", " ")
    return f"{word} {value:g}" if isinstance(value, float) else f"{word} {str(value).lower()}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

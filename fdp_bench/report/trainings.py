"""How policies are called in tables and plots: by their recipe, and by what tells their trainings apart."""

from collections.abc import Collection, Iterable, Mapping

from fdp_bench.api import EpisodeRecord, Training

#: (policy string, SHA-256 over its weights): names one trained policy.
PolicyKey = tuple[str, str]
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


def recipe_of(policy: str) -> str:
    """A policy string without its checkpoint: equal for all trainings of one kind of policy."""
    head, mark, options = policy.partition("?")
    return head.partition("@")[0] + mark + options


def name_policies(
    trainings: Mapping[PolicyKey, Training], records: Iterable[EpisodeRecord] = ()
) -> dict[PolicyKey, str]:
    """Short unambiguous names: the recipe alone where it is unique, else with what its trainings differ in.

    Args:
        trainings: As `find_trainings` returns them.
        records: Episodes; policies that share no task in them may share a name, since every table names the
            task too.

    Returns:
        (policy, checkpoint) -> for instance ``"dp-dit"``, ``"dp-dit, 25 demos, seed 1"``, or
        ``"dp-dit #1a2b3c4d"`` where nothing but the weights' hash differs.
    """
    tasks: dict[PolicyKey, set[str]] = {}
    for record in records:
        tasks.setdefault((record.spec.policy, record.spec.checkpoint), set()).add(record.spec.task)
    names = _names(trainings, ())

    def is_ambiguous(key: PolicyKey) -> bool:
        alike = [other for other in names if other != key and names[other] == names[key]]
        return any(not tasks or tasks[key] & tasks[other] for other in alike)

    return {
        key: (f"{name} #{key[1][:8]}" if key[1] else key[0]) if is_ambiguous(key) else name
        for key, name in names.items()
    }


def name_series(
    trainings: Mapping[PolicyKey, Training], *, pooled: Collection[str] = (SEED,)
) -> dict[PolicyKey, str]:
    """Names that trainings share when they differ only in what is pooled.

    Args:
        trainings: (policy, checkpoint) -> its training.
        pooled: Some of `DEMOS` and `SEED`. A policy whose pooled facts are unknown keeps a name of its own.
    """
    shared, own = _names(trainings, pooled), name_policies(trainings)
    return {
        key: shared[key] if all(getattr(training, fact) is not None for fact in pooled) else own[key]
        for key, training in trainings.items()
    }


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


def _names(trainings: Mapping[PolicyKey, Training], ignored: Collection[str]) -> dict[PolicyKey, str]:
    """Recipe, and the facts that vary among its trainings but for those ignored."""
    by_recipe: dict[str, list[PolicyKey]] = {}
    for key in trainings:
        by_recipe.setdefault(recipe_of(key[0]), []).append(key)
    names: dict[PolicyKey, str] = {}
    for recipe, members in by_recipe.items():
        varying = [
            fact
            for fact in _FACTS
            if fact not in ignored and len({getattr(trainings[key], fact) for key in members}) > 1
        ]
        shared = set.intersection(*(set(trainings[key].variant.split(",")) for key in members))
        for key in members:
            facts = {fact: getattr(trainings[key], fact) for fact in varying}
            if VARIANT in facts:
                # What all of them were trained with, a scaled budget for instance, tells nobody apart.
                own = (setting for setting in facts[VARIANT].split(",") if setting not in shared)
                facts[VARIANT] = ",".join(own)
            shown = [_fact_text(fact, value) for fact, value in facts.items()]
            names[key] = ", ".join([recipe, *filter(None, shown)])
    return names


def _fact_text(fact: str, value: object) -> str:
    if value is None:
        return ""
    return {DEMOS: f"{value} demos", SEED: f"seed {value}"}.get(fact, str(value))

"""The base that a policy builds on: what it can do alone is the most that a shift of the other senses leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from fdp_bench.api import FdpBenchError, PolicySpec, TaskInfo, Training
from fdp_bench.api.validation import is_file_name
from fdp_bench.plugins import load_policy
from fdp_bench.records import Manifest
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.trainings import PolicyKey, find_trainings, recipe_of, tasks_of
from fdp_bench.specs import parse_policy
from fdp_bench.tasks import TASKS, describe


@dataclass(frozen=True)
class Base:
    """The base of a policy on a task.

    Attributes:
        policy: Its policy string, with the path of its weights where these do not come with the package.
        key: The trained policy that it is among those that were run; None where it was not run.
    """

    policy: str
    key: PolicyKey | None = None


#: (task, trained policy) -> its base; policies that build on none are left out.
Bases = Mapping[tuple[str, PolicyKey], Base]


def find_bases(runs: Runs) -> Bases:
    """The base of each policy that builds on one.

    A card names the weights of its base by their hash, and no other weights count. Where a card names none, the base
    is the policy that `fdp_bench.api.Policy.base_of` names, of the same number of demonstrations, training seed and
    variant.

    Args:
        runs: What is reported; their manifests keep the cards.
    """
    trainings, tasks = find_trainings(runs.records), tasks_of(runs.records)
    found: dict[tuple[str, PolicyKey], Base] = {}
    for manifest in runs.manifests:
        task = str(manifest.config.get("task", ""))
        rivals = [key for key in trainings if task in tasks[key]]
        for entry in manifest.policies:
            key = (str(entry.get("spec", "")), str(entry.get("sha256", "")))
            if key in rivals and (base := _base_of(key, entry, manifest, rivals, trainings)):
                found[task, key] = base
    return found


def _base_of(
    key: PolicyKey,
    entry: Mapping[str, Any],
    manifest: Manifest,
    rivals: Sequence[PolicyKey],
    trainings: Mapping[PolicyKey, Training],
) -> Base | None:
    named, card = _named_base(key[0], manifest), _mapping(entry.get("card"))
    stated = _mapping(card.get("base"))
    sha256 = str(stated.get("sha256", ""))
    alike = [
        rival
        for rival in rivals
        if (rival[1] == sha256 if sha256 else trainings[rival] == trainings[key])
        and recipe_of(rival[0]) == (str(named) if named else recipe_of(rival[0]))
        and rival != key
    ]
    if alike and (named or sha256):
        return Base(alike[0][0], alike[0])
    if named is None:
        return None
    source, file = Path(str(entry.get("source", ""))), str(stated.get("file", ""))
    beside = source.suffix and is_file_name(file)
    return Base(str(replace(named, checkpoint=str(source.with_name(file)) if beside else "")))


def _named_base(policy: str, manifest: Manifest) -> PolicySpec | None:
    """What the policy's own plugin calls its base; None where it has none, or is not installed."""
    task = str(manifest.config.get("task", ""))
    try:
        known = {entry.name for entry in fields(TaskInfo)}
        info = (
            describe(task)
            if task in TASKS
            else TaskInfo(**{name: value for name, value in manifest.task.items() if name in known})
        )
        spec = parse_policy(policy)
        return load_policy(spec.name).base_of(spec, info)
    except (FdpBenchError, TypeError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

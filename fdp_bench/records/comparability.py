"""What two runs must share to be resumed, merged, extended, pooled or compared: each rule once.

Nothing here refuses or warns; the caller does, see docs/design.md, "Which runs go together". What a run does not
state is not a difference, because manifests name more facts from version to version. A missing map or checkout does
state something: the task has no map, the package is not run from a checkout.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fdp_bench.records.manifest import Manifest

#: Distributions that decide the dynamics and the pictures of every episode, whatever the policy.
SIMULATION = ("fdp-bench", "robosuite", "mujoco", "fast-simplification")
#: Entries of a configuration that move no number.
MOVES_NO_NUMBER = ("workers", "lanes", "videos")
#: Entries that can move single episodes, by rounding or by a machine's speed, without making other episodes.
CONDITIONS = ("device", "batch_rows", "act_timeout")
#: What runs followed from before the manifest said so.
FIRST_PROTOCOL: Mapping[str, str] = {
    "success_rule": "success at any control step; an episode ends when it held for 10, or at the horizon",
    "seed_protocol": "seed-sequence/1",
}


@dataclass(frozen=True)
class Difference:
    """A fact in which two runs differ.

    Attributes:
        name: What it is called.
        first: Its value in the first run.
        second: Its value in the second.
    """

    name: str
    first: Any
    second: Any

    def __str__(self) -> str:
        return f"{self.name} is {self.first!r} and {self.second!r}"


class RunFacts(Protocol):
    """What `rule_differences` reads of a run: a `Manifest`, or a side of a comparison."""

    @property
    def task(self) -> Mapping[str, Any]:
        """See `Manifest`."""

    @property
    def protocol(self) -> Mapping[str, str]:
        """See `Manifest`."""

    @property
    def config(self) -> Mapping[str, Any]:
        """See `Manifest`."""


def rule_differences(first: RunFacts, second: RunFacts) -> list[Difference]:
    """Differences in what an episode is: task version with its profile, task map, success rule, seed protocol."""
    before, after = ({**FIRST_PROTOCOL, **run.protocol} for run in (first, second))
    horizons = [run.task.get("horizon") for run in (first, second)]
    rules = [before["success_rule"], after["success_rule"]]
    if None not in horizons:
        rules = [
            f"{rule} of {run.task['horizon']} steps at {run.task.get('control_hz')} Hz"
            for rule, run in zip(rules, (first, second), strict=True)
        ]
    facts = (
        ("task version", _task(first), _task(second)),
        ("task map", _map_digest(first.task), _map_digest(second.task)),
        ("success rule", *rules),
        ("seed protocol", before["seed_protocol"], after["seed_protocol"]),
    )
    return [Difference(*fact) for fact in facts if fact[1] != fact[2]]


def config_differences(
    first: Mapping[str, Any], second: Mapping[str, Any], *, apart_from: Collection[str] = ()
) -> list[Difference]:
    """Entries in which two configurations differ, without those that move no number.

    Args:
        first: `fdp_bench.runner.config.RunConfig.to_json` of one run.
        second: That of the other.
        apart_from: Further entries that may differ.
    """
    return [each for each in _unlike(first, second) if each.name not in (*MOVES_NO_NUMBER, *apart_from)]


def condition_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Entries of two configurations that can move single episodes, see `CONDITIONS`."""
    return [each for each in _unlike(first, second) if each.name in CONDITIONS]


def version_differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[Difference]:
    """Distributions of which two runs used different versions."""
    return _unlike(first, second)


def plugin_differences(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    """Plugins, by kind and name, that came in different versions or from different distributions."""
    ours, theirs = (
        {f"{plugin.get('kind')} {plugin.get('name')}": _release(plugin) for plugin in plugins}
        for plugins in (first, second)
    )
    return _unlike(ours, theirs)


def checkout_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Differences between two states of a checkout, as `fdp_bench.records.provenance.git_state` gives them.

    An installed package differs from any checkout. Older runs do not say what was changed in a checkout, only that
    something was; they count as alike.
    """
    names = [
        name
        for name in dict.fromkeys((*first, *second))
        if name != "changes" or (name in first and name in second)
    ]
    return [
        Difference(f"git {name}", first.get(name), second.get(name))
        for name in names
        if first.get(name) != second.get(name)
    ]


def shard_differences(first: Manifest, second: Manifest) -> list[Difference]:
    """Differences that two shards of one run cannot have: in plan, weights, task, rules and source.

    Processors and graphics drivers are left out: one run may be spread over unlike machines, see `place_facts`.
    """
    versions = version_differences(first.versions, second.versions)
    return [
        *_unlike(_plan(first), _plan(second)),
        *config_differences(first.config, second.config),
        *(Difference(f"version of {each.name}", each.first, each.second) for each in versions),
        *plugin_differences(first.plugins, second.plugins),
        *checkout_differences(first.git, second.git),
    ]


def place_facts(manifest: Manifest) -> dict[str, Any]:
    """Where a run took place, as far as rounding may depend on it."""
    machine = {name: manifest.machine.get(name) for name in ("cpu", "gpu") if manifest.machine.get(name)}
    renderer = {name: value for name, value in manifest.renderer.items() if name != "profile"}
    return {**machine, **renderer}


def _plan(manifest: Manifest) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "number of shards": manifest.shard.get("count"),
        "arms": [f"{arm['policy']}, {arm['shift']}" for arm in manifest.arms],
        "render profile": manifest.renderer.get("profile"),
    }
    for policy in manifest.policies:
        facts |= {f"policy {policy.get('spec')} {name}": policy.get(name) for name in ("sha256", "sampler")}
    facts |= {f"task {name}": value for name, value in manifest.task.items()}
    facts["task map"] = _map_digest(manifest.task)
    return facts | {f"protocol {name}": value for name, value in manifest.protocol.items()}


def _unlike(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Entries that both state and in which they differ; lists and tuples of equal entries are alike."""
    ours, theirs = (
        {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}
        for facts in (first, second)
    )
    return [
        Difference(name, value, theirs[name])
        for name, value in ours.items()
        if name in theirs and theirs[name] != value
    ]


def _task(run: RunFacts) -> str:
    task_id = run.task.get("task_id") or run.config.get("task")
    return f"{task_id}, profile {run.task.get('profile') or run.config.get('profile') or 'none'}"


def _map_digest(task: Mapping[str, Any]) -> str:
    """A digest of the map that made an environment a task; empty where none did."""
    data = task.get("map")
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12] if data else ""


def _release(plugin: Mapping[str, Any]) -> str:
    return f"{plugin.get('distribution')} {plugin.get('version')}"

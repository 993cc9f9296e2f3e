"""What shards of one run have in common, as their manifests say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fdp_bench.records.manifest import Manifest

#: Entries of a configuration that move no number.
_FREE = ("workers", "lanes")
#: How the names of facts begin that are versions.
_VERSION = "version of"


def shared_facts(manifest: Manifest) -> dict[str, Any]:
    """All that shards must agree in to be parts of one run: the plan, the weights, and what can move a number.

    Processors and graphics drivers are left out: one run may be spread over unlike machines, see `place_facts`.

    Returns:
        Name -> value, nested entries by dotted names.
    """
    policies = {
        str(policy.get("spec")): {name: policy.get(name) for name in ("sha256", "sampler")}
        for policy in manifest.policies
    }
    plugins = {
        f"{plugin.get('kind')} {plugin.get('name')}": f"{plugin.get('distribution')} {plugin.get('version')}"
        for plugin in manifest.plugins
    }
    facts: dict[str, Any] = {
        "number of shards": manifest.shard.get("count"),
        "arms": [f"{arm['policy']}, {arm['shift']}" for arm in manifest.arms],
    }
    facts |= _flat({name: value for name, value in manifest.config.items() if name not in _FREE}, "")
    facts |= _flat(policies, "policy ")
    facts |= _flat({_VERSION: manifest.versions, "plugin": plugins, "task": manifest.task}, "")
    facts |= _flat({"protocol": manifest.protocol, "git": manifest.git}, "")
    facts["render profile"] = manifest.renderer.get("profile")
    return facts


def unlike_facts(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Names of the `shared_facts` in which two shards differ.

    A version that one of them does not name is no difference: manifests name more of them from time to time.
    """
    return [
        name
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name)
        and not (name.startswith(_VERSION) and not (name in ours and name in theirs))
    ]


def place_facts(manifest: Manifest) -> dict[str, Any]:
    """Where a shard ran, as far as rounding may depend on it."""
    machine = {name: manifest.machine.get(name) for name in ("cpu", "gpu") if manifest.machine.get(name)}
    renderer = {name: value for name, value in manifest.renderer.items() if name != "profile"}
    return {**machine, **renderer}


def partial_shards(paths: Sequence[Path], manifests: Sequence[Manifest]) -> list[str]:
    """One sentence for each run of which only some shards are here; none for whole runs.

    Args:
        paths: Folders of runs.
        manifests: Their manifests.
    """
    groups: list[tuple[dict[str, Any], dict[int, Path]]] = []
    for path, manifest in zip(paths, manifests, strict=True):
        if not manifest.shard:
            continue
        facts = shared_facts(manifest)
        members = next((found for known, found in groups if not unlike_facts(known, facts)), None)
        if members is None:
            groups.append((facts, members := {}))
        members[int(manifest.shard["number"])] = path
    sentences = []
    for facts, members in groups:
        count = int(facts["number of shards"])
        if len(members) == count:
            continue
        (number, path), *more = sorted(members.items())
        held = (
            f"{path} is shard {number} of {count}"
            if not more
            else f"{len(members)} of {count} shards are here"
        )
        sentences.append(
            f"{held}: the numbers are those of a part of a run, not of the run. Join all {count} shards: "
            "fdp-bench merge RUN... --out DIR"
        )
    return sentences


def _flat(data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            inner = _flat(value, "")
            flat |= {f"{prefix}{name} {key}": entry for key, entry in inner.items()}
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat

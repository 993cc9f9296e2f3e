"""What made the numbers, how to make them again, and whom to cite."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fdp_bench import __version__
from fdp_bench.records import Manifest
from fdp_bench.report.runs import Runs

PAPER_BIBTEX = """@misc{patil2025factorizing,
  title         = {Factorizing Diffusion Policies for Observation Modality Prioritization},
  author        = {Patil, Omkar and Rath, Prabin and Pangaonkar, Kartikay and Rosen, Eric and Gopalan, Nakul},
  year          = {2025},
  eprint        = {2509.16830},
  archivePrefix = {arXiv},
  primaryClass  = {cs.RO}
}"""
SOFTWARE_BIBTEX = f"""@software{{fdp_bench,
  title   = {{fdp-bench: a benchmark of robot policies under sensor shifts}},
  author  = {{{{The fdp-bench authors}}}},
  version = {{{__version__}}},
  license = {{MIT}}
}}"""
_ENTRIES_BY_DESIGN = ("task", "episodes", "seed", "shifts", "device", "profile", "workers", "lanes", "videos")


@dataclass(frozen=True)
class RunFacts:
    """One run's manifest as people read it.

    Attributes:
        name: The run's folder.
        commands: The commands that made it, as they were typed.
        facts: (name, value) pairs.
        weights: (policy, where from, SHA-256, training) of each policy.
    """

    name: str
    commands: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, str, str, str], ...]


def run_facts(runs: Runs, page_folder: Path) -> list[RunFacts]:
    """The manifests of all runs, in their order; runs that lie below the page are named as seen from there."""
    return [
        _facts(path.relative_to(page_folder) if path.is_relative_to(page_folder) else path, manifest)
        for path, manifest in zip(runs.paths, runs.manifests, strict=True)
    ]


def remake_commands(runs: Runs, report_command: Sequence[str]) -> list[str]:
    """The commands that make runs and report again, in order, each once."""
    commands = [_first_commands(manifest) for manifest in runs.manifests]
    flat = [command for of_run in commands for command in of_run]
    return [*dict.fromkeys(flat), shlex.join(report_command)]


def _facts(path: Path, manifest: Manifest) -> RunFacts:
    config = manifest.config
    facts = {
        "status": manifest.status,
        "started": manifest.created,
        **{name: _text(config[name]) for name in _ENTRIES_BY_DESIGN if name in config},
        "versions": _text(manifest.versions),
        "plugins": ", ".join(
            f"{plugin.get('name')} ({plugin.get('distribution')} {plugin.get('version')})"
            for plugin in manifest.plugins
        ),
        "commit": _commit(manifest.git),
        "machine": _text(manifest.machine),
        "renderer": _text(manifest.renderer),
    }
    return RunFacts(
        name=str(path),
        commands=tuple(_commands(manifest)),
        facts=tuple((name, value) for name, value in facts.items() if value),
        weights=tuple(_weights(policy) for policy in manifest.policies),
    )


def _commands(manifest: Manifest) -> list[str]:
    return [str(entry["command"]) for entry in manifest.invocations if entry.get("command")]


def _first_commands(manifest: Manifest) -> list[str]:
    """The command that started a run; of one merged from shards, those that started them, then the merge."""
    shards = {
        str(entry.get("shard")): str(entry.get("command", "")) for entry in reversed(manifest.invocations)
    }
    if not manifest.merged:
        return _commands(manifest)[:1]
    return [
        *(shards.get(str(entry.get("shard")), "") for entry in manifest.merged),
        *_commands(manifest)[-1:],
    ]


def _weights(policy: Mapping[str, Any]) -> tuple[str, str, str, str]:
    card = policy.get("card")
    remake = card.get("remake", "") if isinstance(card, Mapping) else ""
    return (
        str(policy.get("spec", "")),
        str(policy.get("source", "")),
        str(policy.get("sha256", "")),
        str(remake),
    )


def _commit(git: Mapping[str, Any]) -> str:
    commit = str(git.get("commit") or "")
    return f"{commit}, with uncommitted changes" if commit and git.get("dirty") else commit


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)

"""One side of a comparison: the episodes of a run, and all that decides whether they may be compared."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.api.errors import RunError, SpecError, nearest
from fdp_bench.records.comparability import FIRST_PROTOCOL
from fdp_bench.records.manifest import COMPLETE, Manifest
from fdp_bench.records.store import MANIFEST_NAME, RunStore

#: Facts of a task that belong to its version.
TASK_FACTS = ("task_id", "profile", "horizon", "control_hz", "map")
#: Digits of an initial state's digest that are kept.
STATE_DIGITS = 16


@dataclass(frozen=True)
class Outcome:
    """What came of one episode.

    Attributes:
        id: The episode's id.
        success: Whether it counts as a success: no error, and success at any control step.
        held: Whether success held to its end.
        error: Whether it ended in an error, which counts as a failure.
        steps: Control steps taken.
        initial_state: First digits of its initial state's digest; empty where there is none.
        parameters: What the shift drew, from its receipt; None where it is not known.
    """

    id: str
    success: bool
    held: bool
    error: bool
    steps: int
    initial_state: str = ""
    parameters: Any = None


@dataclass(frozen=True)
class ArmOutcomes:
    """The episodes of one policy under one shift.

    Attributes:
        policy: Canonical policy string.
        checkpoint: SHA-256 over its weights; empty where it has none.
        shift: Canonical shift string, ``"clean"`` for none.
        severity: Severity of the first shift.
        outcomes: Index of the episode -> what came of it.
    """

    policy: str
    checkpoint: str
    shift: str
    severity: float
    outcomes: Mapping[int, Outcome]


@dataclass(frozen=True)
class ComparedRun:
    """A run as far as comparisons need it.

    Attributes:
        path: Where it was read from.
        task: `TASK_FACTS` of its task.
        protocol: ``success_rule`` and ``seed_protocol``.
        config: The run's configuration, `RunConfig.to_json`.
        samplers: Policy string -> how it turns noise into actions; without policies that do not say.
        arms: Its arms, in the run's order.
        planned: Episodes that an arm has when the run is complete.
        complete: Whether all of them are there.
        stopped_early: Whether arms ended as soon as they were decided.
        versions: Distribution -> version.
        plugins: ``kind``, ``name``, ``distribution`` and ``version`` of each plugin.
        machine: Processor, platform, Python.
        renderer: Render profile and OpenGL strings.
        git: Commit of the source checkout.
    """

    path: Path
    task: Mapping[str, Any]
    protocol: Mapping[str, str]
    config: Mapping[str, Any]
    samplers: Mapping[str, str]
    arms: tuple[ArmOutcomes, ...]
    planned: int
    complete: bool = True
    stopped_early: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[Mapping[str, Any], ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    renderer: Mapping[str, Any] = field(default_factory=dict)
    git: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_seed(self) -> int:
        """Seed of the run."""
        return int(self.config.get("seed", 0))

    @property
    def noise_seed(self) -> int:
        """Which draw of the policies' noise it made."""
        return int(self.config.get("noise_seed", 0))

    @property
    def policies(self) -> tuple[str, ...]:
        """Its policies, in the run's order."""
        return tuple(dict.fromkeys(arm.policy for arm in self.arms))

    def only(self, policy: str) -> "ComparedRun":
        """The same side with one policy alone.

        Raises:
            SpecError: If it has no such policy.
        """
        arms = tuple(arm for arm in self.arms if arm.policy == policy)
        if not arms:
            raise SpecError(f"{self.path} holds no policy {policy!r}{nearest(policy, self.policies)}")
        return replace(self, arms=arms)


def read_compared_run(path: Path) -> ComparedRun:
    """Read a run's folder.

    Raises:
        RunError: If it is no run or is unreadable.
    """
    if not path.exists():
        raise RunError(f"there is no run or baseline {str(path)!r}; runs lie in results/ or where --out said")
    store = RunStore.open(path)
    manifest = store.manifest()
    if manifest.shard:
        raise RunError(
            f"{path} is shard {manifest.shard['number']} of {manifest.shard['count']} of a run; join all of them "
            "first: fdp-bench merge RUN... --out DIR"
        )
    records = store.records()
    arms = _arms(manifest, records)
    return ComparedRun(
        path=path,
        task=_task_facts(manifest, records),
        protocol={**FIRST_PROTOCOL, **manifest.protocol},
        config=dict(manifest.config),
        samplers={
            str(policy["spec"]): str(policy["sampler"])
            for policy in manifest.policies
            if policy.get("sampler") is not None
        },
        arms=arms,
        planned=int(manifest.config.get("episodes", max((len(arm.outcomes) for arm in arms), default=0))),
        complete=manifest.status == COMPLETE and len(records) >= manifest.episodes_planned,
        stopped_early=bool(manifest.config.get("until_decided")),
        versions=dict(manifest.versions),
        plugins=tuple(dict(plugin) for plugin in manifest.plugins),
        machine=dict(manifest.machine),
        renderer=dict(manifest.renderer),
        git=dict(manifest.git),
    )


def is_run(path: Path) -> bool:
    """Whether a folder holds a run."""
    return (path / MANIFEST_NAME).is_file()


def _task_facts(manifest: Manifest, records: list[EpisodeRecord]) -> dict[str, Any]:
    facts = {name: manifest.task[name] for name in TASK_FACTS if name in manifest.task}
    if "task_id" not in facts:
        facts["task_id"] = manifest.config.get("task") or (records[0].spec.task if records else "")
    facts.setdefault("profile", manifest.config.get("profile", ""))
    return facts


def _arms(manifest: Manifest, records: list[EpisodeRecord]) -> tuple[ArmOutcomes, ...]:
    episodes: dict[tuple[str, str], dict[int, Outcome]] = {}
    facts: dict[tuple[str, str], tuple[str, float]] = {}
    for record in records:
        key = (record.spec.policy, record.spec.shift)
        episodes.setdefault(key, {})[record.spec.index] = outcome_of(record)
        facts[key] = (record.spec.checkpoint, record.spec.severity)
    planned = [(str(arm["policy"]), str(arm["shift"])) for arm in manifest.arms]
    order = [key for key in planned if key in episodes]
    order += [key for key in episodes if key not in order]
    return tuple(
        ArmOutcomes(key[0], facts[key][0], key[1], facts[key][1], dict(sorted(episodes[key].items())))
        for key in order
    )


def outcome_of(record: EpisodeRecord) -> Outcome:
    """What comparisons keep of an episode."""
    return Outcome(
        id=record.spec.id,
        success=record.succeeded,
        held=record.succeeded and record.success_held,
        error=record.status != "ok",
        steps=record.steps,
        initial_state=record.initial_state_sha256[:STATE_DIGITS],
        parameters=_shift_parameters(record.receipt),
    )


def _shift_parameters(receipt: Mapping[str, Any]) -> Any:
    """A receipt's drawn parameters as JSON gives them back; those of each part for composed shifts."""
    if not receipt:
        return None
    parts = receipt.get("parts")
    found = [part.get("parameters", {}) for part in parts] if parts else receipt.get("parameters", {})
    return json.loads(json.dumps(found))

"""A whole diagnosis: what is measured, in which order, and what is kept of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fdp_bench.api import (
    Contribution,
    EpisodeRecord,
    HeldOutLosses,
    RunError,
    SpecError,
    TaskInfo,
    WeightFacts,
)
from fdp_bench.diagnose.conditions import AS_IT_IS, Condition, conditions_of
from fdp_bench.diagnose.decisions import Decisions, decisions_from_demonstrations
from fdp_bench.diagnose.load_policy import OpenedPolicy, open_policy
from fdp_bench.diagnose.rollouts import Stage
from fdp_bench.diagnose.senses import ActionChange, action_changes, contributions
from fdp_bench.diagnose.success import Difference, Success, against_base, losses_by_condition, success_rates
from fdp_bench.diagnose.verdicts import Verdict, failure_verdicts, notes
from fdp_bench.records.provenance import git_state, versions
from fdp_bench.tasks import TASKS, describe

SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What is to be diagnosed.

    Attributes:
        policy: Policy string as typed.
        task_id: Gymnasium id.
        episodes: Episodes a condition; 0 for none, then `data` is needed.
        data: Demonstrations; None to ask on the policy's own episodes alone.
        seed: Seed of all random streams, >= 0.
        device: Device of the policy.
    """

    policy: str
    task_id: str
    episodes: int
    data: Path | None = None
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what nothing can be measured with."""
        if self.episodes == 1:
            raise SpecError(
                "--episodes 1 leaves no other episode to swap senses with; use at least 2, or 0 for none"
            )
        if self.episodes == 0 and self.data is None:
            raise SpecError(
                "--episodes 0 leaves nothing to ask the policy on; give demonstrations with --data FILE"
            )


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        request: What was asked for.
        policy: Canonical policy string.
        sha256: Hash over its weights; empty where there is none.
        source: Where the observations come from that action changes are measured on.
        decisions: Number of decisions among them.
        changes: Action changes by condition.
        successes: Success rates by condition; empty without episodes.
        differences: Each condition's rate minus the unaltered one.
        base_differences: The composition's rate minus its base's, by what is done to the secondary sense.
        contributions: What the residual adds, by condition; empty without one.
        facts: What the weights say; None without a base and a residual.
        losses: Held-out losses, those of the card first.
        verdicts: Documented failures first, then notes.
    """

    request: Request
    policy: str
    sha256: str
    source: str
    decisions: int
    changes: tuple[ActionChange, ...]
    successes: tuple[Success, ...]
    differences: tuple[Difference, ...]
    base_differences: tuple[Difference, ...]
    contributions: Mapping[str, Contribution]
    facts: WeightFacts | None
    losses: tuple[HeldOutLosses, ...]
    verdicts: tuple[Verdict, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        request = asdict(self.request)
        # The name alone: where a file lies is nobody else's business.
        request["data"] = self.request.data.name if self.request.data else None
        residual = {
            name: {**asdict(each), "streams": each.streams.tolist(), "noise": each.noise.tolist()}
            for name, each in self.contributions.items()
        }
        return {
            "schema": SCHEMA,
            "request": request,
            "policy": self.policy,
            "checkpoint": self.sha256,
            "observations": {"source": self.source, "decisions": self.decisions},
            "action_changes": [_finite(asdict(each)) for each in self.changes],
            "success": [{**asdict(each), "rate": each.rate} for each in self.successes],
            "differences": [asdict(each) for each in self.differences],
            "against_base": [asdict(each) for each in self.base_differences],
            "residual": residual,
            "weights": asdict(self.facts) if self.facts else None,
            "losses": [asdict(each) for each in self.losses],
            "verdicts": [asdict(each) for each in self.verdicts],
            "versions": versions(),
            "git": git_state(),
        }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity: null stands for a change beyond measure."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


#: Called with what is being done; ``(text, number, of)``.
Progress = Callable[[str, int, int], None]


def diagnose(request: Request, progress: Progress) -> Diagnosis:
    """Diagnose a policy.

    Raises:
        FdpBenchError: Whatever is wrong with the request.
    """
    stage = Stage(request.task_id, request.episodes, request.seed) if request.episodes else None
    try:
        task = _task(request, stage)
        opened = open_policy(request.policy, task, request.device)
        given = _demonstrated(request, opened, task)
        records: dict[Condition, list[EpisodeRecord]] = {}
        own = None
        if stage is not None:
            records, own = _play(stage, opened, task, progress)
    finally:
        if stage is not None:
            stage.close()
    decisions = given or own
    assert decisions is not None
    return _conclude(request, opened, task, decisions, records, progress)


def _conclude(
    request: Request,
    opened: OpenedPolicy,
    task: TaskInfo,
    decisions: Decisions,
    records: Mapping[Condition, list[EpisodeRecord]],
    progress: Progress,
) -> Diagnosis:
    inspector = opened.inspector
    conditions = conditions_of(inspector, task.modalities)
    progress("action changes", 0, 0)
    changes = action_changes(inspector, decisions, conditions, task.modalities, request.seed)
    # The base reads no secondary sense: only what is done to those can make the residual add more or less.
    touching = [each for each in conditions if set(each.altered) <= set(inspector.secondary)]
    added = contributions(inspector, decisions, touching, task.modalities) if inspector.secondary else {}
    facts = inspector.weight_facts()
    losses = [inspector.recorded_losses()]
    if request.data is not None:
        progress("held-out losses", 0, 0)
        losses.append(inspector.measured_losses(request.data))
    known = [loss for loss in losses if loss is not None]
    base_differences = against_base(records, inspector.secondary)
    verdicts = failure_verdicts(inspector, changes, known, facts, added)
    return Diagnosis(
        request=request,
        policy=opened.spec,
        sha256=opened.sha256,
        source=decisions.source,
        decisions=sum(1 for _ in decisions.rows()),
        changes=tuple(changes),
        successes=tuple(success_rates(records)),
        differences=tuple(losses_by_condition(records)),
        base_differences=tuple(base_differences),
        contributions=added,
        facts=facts,
        losses=tuple(known),
        verdicts=(*verdicts, *notes(inspector, changes, known, base_differences, added)),
    )


def _task(request: Request, stage: Stage | None) -> TaskInfo:
    if stage is not None:
        return stage.lanes[0].task
    if request.task_id in TASKS:
        # Needs neither simulator nor renderer.
        return describe(request.task_id)
    from fdp_bench.runner.rollout.environment import make_base, task_info

    env = make_base(request.task_id)
    try:
        return task_info(env, request.task_id)
    finally:
        env.close()


def _demonstrated(request: Request, opened: OpenedPolicy, task: TaskInfo) -> Decisions | None:
    if request.data is None:
        return None
    return decisions_from_demonstrations(
        request.data, opened.inspector, task, opened.train_demos, request.seed
    )


def _play(
    stage: Stage, opened: OpenedPolicy, task: TaskInfo, progress: Progress
) -> tuple[dict[Condition, list[EpisodeRecord]], Decisions]:
    conditions = conditions_of(opened.inspector, task.modalities)
    total, done = len(conditions) * stage.episodes, 0
    records: dict[Condition, list[EpisodeRecord]] = {}
    donors: Decisions | None = None

    for condition in conditions:

        def tick(name: str = condition.name) -> None:
            nonlocal done
            done += 1
            progress(name, done, total)

        records[condition], kept = stage.play(opened.inspector, opened.spec, condition, donors, tick)
        if condition == AS_IT_IS:
            _refuse_errors(records[condition])
            donors = kept
    assert donors is not None
    return records, donors


def _refuse_errors(records: list[EpisodeRecord]) -> None:
    for record in records:
        if record.status == "error":
            raise RunError(f"episode {record.spec.index} failed with nothing altered: {record.error}")

"""The runs of a sweep: one a (task, size, seed, variant), begun, made larger and resumed by the runner."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fdp_bench.api.episode import CLEAN
from fdp_bench.api.modality import TaskInfo
from fdp_bench.records.store import MANIFEST_NAME, RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.extend import extend_run
from fdp_bench.runner.progress import Progress
from fdp_bench.runner.rollout.preflight import ResolvedPolicy
from fdp_bench.runner.run import begin_run, resume_run
from fdp_bench.specs import find_policy
from fdp_bench.suites.cells import Cell, short_task
from fdp_bench.suites.journal import RUNS_NAME
from fdp_bench.suites.request import SweepRequest
from fdp_bench.suites.suite import Suite
from fdp_bench.suites.weights import Weights


@dataclass(frozen=True)
class Group:
    """The cells of one run.

    Attributes:
        folder: The run.
        cells: Its cells, of one task, size, seed and variant.
        weights: Their weights, in the same order; None for what has to be trained first.
    """

    folder: Path
    cells: tuple[Cell, ...]
    weights: tuple[Weights | None, ...]


def run_folder(out: Path, cell: Cell) -> Path:
    """Where a cell's episodes go."""
    return out / RUNS_NAME / f"{short_task(cell.task)}-{cell.label}"


def episodes_planned(group: Group, suite: Suite) -> int:
    """Episodes that a suite asks of a group."""
    return len(group.cells) * (1 + len(suite.shifts)) * suite.episodes


def episodes_missing(group: Group, suite: Suite) -> int:
    """Those of them that its run does not hold yet.

    Raises:
        RunError: If the run cannot be read.
    """
    planned = episodes_planned(group, suite)
    if not (group.folder / MANIFEST_NAME).is_file():
        return planned
    policies = {weights.policy for weights in group.weights if weights is not None}
    shifts = {CLEAN, *suite.shifts}
    specs = [record.spec for record in RunStore.open(group.folder).records()]
    done = [s for s in specs if s.policy in policies and s.shift in shifts and s.index < suite.episodes]
    return planned - len(done)


def evaluate(
    group: Group, tasks: Mapping[str, TaskInfo], request: SweepRequest, *, progress: Progress
) -> RunStore:
    """Run what a group lacks.

    Raises:
        FdpBenchError: Whatever the runner raises.
    """
    suite = request.suite
    task = group.cells[0].task
    config = RunConfig(
        task=task,
        policies=tuple(weights.policy for weights in group.weights if weights is not None),
        shifts=suite.shifts,
        episodes=suite.episodes,
        seed=suite.seed,
        device=request.device,
        profile=suite.profile,
    )
    command = shlex.split(request.command)
    if not (group.folder / MANIFEST_NAME).is_file():
        return begin_run(
            config,
            group.folder,
            name=group.folder.name,
            command=command,
            progress=progress,
            workers=request.workers,
        )
    store = RunStore.open(group.folder)
    extend_run(store, config, [_resolved(text, tasks[task]) for text in config.policies])
    return resume_run(group.folder, command=command, progress=progress, workers=request.workers, lanes=None)


def _resolved(text: str, task: TaskInfo) -> ResolvedPolicy:
    kind, spec = find_policy(text)
    info = kind.weights(spec, task)
    return ResolvedPolicy(str(spec), info.sha256, info.source, dict(info.card), warnings=info.warnings)

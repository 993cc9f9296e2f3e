"""A sweep: what a suite needs is planned, what is missing is trained and run, what is there is left alone."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import PluginError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.records.manifest import COMPLETE, FAILED, INTERRUPTED, RUNNING
from fdp_bench.records.provenance import machine, versions
from fdp_bench.runner.run import Progress, RunInterruptedError
from fdp_bench.suites.cells import Cell, plan_cells, short_task, task_info
from fdp_bench.suites.demonstrations import TYPICAL_STEPS, DemonstrationFile, collect, find_file
from fdp_bench.suites.estimate import training_steps
from fdp_bench.suites.evaluation import Group, evaluate, run_folder
from fdp_bench.suites.journal import RUNS_NAME, SWEEP_NAME, Journal
from fdp_bench.suites.request import SweepRequest
from fdp_bench.suites.training import Assignment, Trained, train_all
from fdp_bench.suites.weights import Weights, adopt, find_weights, note_trained

#: What is called with a line for the user.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Item:
    """A cell and its weights; None where they have to be trained."""

    cell: Cell
    weights: Weights | None


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep needs, and what of it is there.

    Attributes:
        request: What is asked for.
        items: Its cells.
        tasks: Gymnasium id -> task.
        files: Gymnasium id -> demonstrations.
    """

    request: SweepRequest
    items: tuple[Item, ...]
    tasks: Mapping[str, TaskInfo]
    files: Mapping[str, DemonstrationFile]

    @property
    def missing(self) -> list[Cell]:
        """Cells to be trained."""
        return [item.cell for item in self.items if item.weights is None]

    @property
    def uncollected(self) -> list[str]:
        """Tasks whose demonstrations are needed and not there."""
        tasks = dict.fromkeys(cell.task for cell in self.missing)
        return [task for task in tasks if self.files[task].path is None]

    def groups(self) -> list[Group]:
        """Cells by the run that holds their episodes."""
        found: dict[Path, list[Item]] = {}
        for item in self.items:
            found.setdefault(run_folder(self.request.out, item.cell), []).append(item)
        return [
            Group(folder, tuple(item.cell for item in items), tuple(item.weights for item in items))
            for folder, items in found.items()
        ]


def plan_sweep(request: SweepRequest) -> SweepPlan:
    """Find out what a sweep needs and what is there; writes nothing.

    Weights are held against the demonstrations' hash where demonstrations are given or something has to be trained on
    them: all policies of a task then come from one file. Otherwise nobody needs demonstrations, and the bundled
    weights will do.

    Raises:
        FdpBenchError: Whatever is wrong with policies, settings, demonstrations or folders.
    """
    suite = request.suite
    largest = max(suite.demos)
    tasks = {task: task_info(task, suite.profile) for task in suite.tasks}
    files = {task: find_file(task, request.data.get(task), suite.profile, largest) for task in suite.tasks}
    strict = {task: task in request.data for task in suite.tasks}
    plan = _planned(request, tasks, files, strict)
    trained = {cell.task for cell in plan.missing}
    if any(files[task].path is not None and not strict[task] for task in trained):
        strict |= {task: strict[task] or task in trained for task in suite.tasks}
        plan = _planned(request, tasks, files, strict)
    return plan


def run_sweep(plan: SweepPlan, *, progress: Progress, say: Say) -> list[Path]:
    """Train and run what is missing; called again it goes on where it was stopped.

    Returns:
        Folders of the runs.

    Raises:
        FdpBenchError: Whatever goes wrong; everything finished is kept.
    """
    request = plan.request
    journal = _begin(request)
    journal.write(request.out)
    try:
        plan = _with_demonstrations(plan, say)
        plan = _adopted(plan)
        journal = _train_missing(plan, journal, say)
        plan = _settled(plan)
        journal = replace(journal, data=_data(plan), policies=_policies(plan))
        journal.write(request.out)
        groups = plan.groups()
        for number, group in enumerate(groups, 1):
            say(f"run {number} of {len(groups)}: {group.folder.name}")
            evaluate(group, plan.tasks, request, progress=progress)
    except BaseException as error:
        on_purpose = isinstance(error, (KeyboardInterrupt, RunInterruptedError))
        stopped = INTERRUPTED if on_purpose else FAILED
        replace(Journal.read(request.out), status=stopped).write(request.out)
        raise
    replace(journal, status=COMPLETE).write(request.out)
    return [group.folder for group in groups]


def _planned(
    request: SweepRequest,
    tasks: Mapping[str, TaskInfo],
    files: Mapping[str, DemonstrationFile],
    strict: Mapping[str, bool],
) -> SweepPlan:
    def windows(task: str, demos: int) -> int:
        facts = files[task].facts(demos)
        return facts.windows if facts else TYPICAL_STEPS * demos

    def data_hash(cell: Cell) -> str:
        facts = files[cell.task].facts(cell.demos) if strict[cell.task] and cell.demos else None
        return facts.sha256 if facts else ""

    cells = plan_cells(request.suite, windows, steps=request.steps)
    items = tuple(
        Item(cell, find_weights(cell, tasks[cell.task], data_hash(cell), request.places)) for cell in cells
    )
    return SweepPlan(request, items, tasks, files)


def _begin(request: SweepRequest) -> Journal:
    before = Journal.read(request.out) if (request.out / SWEEP_NAME).is_file() else None
    return Journal(
        name=request.suite.name,
        status=RUNNING,
        suite=request.suite.to_json(),
        command=request.command,
        steps=request.steps,
        versions=versions(),
        data=before.data if before else {},
        policies=before.policies if before else (),
        trainings=before.trainings if before else (),
    )


def _with_demonstrations(plan: SweepPlan, say: Say) -> SweepPlan:
    """Collect what is needed and plan again: with demonstrations at hand other weights may be needed."""
    request = plan.request
    uncollected = plan.uncollected
    if not uncollected:
        return plan
    data = dict(request.data)
    for task in uncollected:
        say(f"collecting demonstrations of {short_task(task)}")
        path = collect(task, request.suite.profile, max(request.suite.demos)).path
        if path is not None:
            data[task] = path
    again = plan_sweep(replace(request, data=data))
    more = len(again.missing) - len(plan.missing)
    if more > 0:
        say(f"{more} more to train: weights that are there were made from other demonstrations")
    return again


def _adopted(plan: SweepPlan) -> SweepPlan:
    items = [
        replace(item, weights=adopt(item.weights, item.cell, plan.tasks[item.cell.task], plan.request.places))
        if item.weights
        else item
        for item in plan.items
    ]
    return replace(plan, items=tuple(items))


def _train_missing(plan: SweepPlan, journal: Journal, say: Say) -> Journal:
    request, missing = plan.request, plan.missing
    done: list[Mapping[str, Any]] = []
    here = machine(request.device)

    def take(trained: Trained) -> None:
        cell = trained.assignment.cell
        facts = plan.files[cell.task].facts(cell.demos or 1)
        note_trained(cell, facts.sha256 if facts else "", trained.assignment.out, trained.checkpoint)
        done.append(
            {
                "task": cell.task,
                "policy": cell.policy,
                "label": cell.label,
                "steps": training_steps(cell),
                "wall_time_s": trained.wall_time_s,
                "machine": here,
            }
        )
        replace(journal, trainings=(*journal.trainings, *done)).write(request.out)
        say(f"trained {len(done)} of {len(missing)}: {short_task(cell.task)}, {cell.policy}, {cell.label}")

    train_all([_assignment(plan, cell) for cell in missing], request.jobs, take)
    return replace(journal, trainings=(*journal.trainings, *done))


def _assignment(plan: SweepPlan, cell: Cell) -> Assignment:
    request = plan.request
    data = plan.files[cell.task].path
    if data is None:  # pragma: no cover
        raise RuntimeError(f"no demonstrations of {cell.task} were collected")
    out = request.places.folder(cell)
    reuse = tuple(folder for folder in request.places.candidates(cell) if folder != out)
    return Assignment(cell, plan.tasks[cell.task], data, out, reuse, request.device)


def _settled(plan: SweepPlan) -> SweepPlan:
    """The plan with the weights that were trained for it."""
    items = []
    for item in plan.items:
        weights = item.weights
        if weights is None:
            cell = item.cell
            facts = plan.files[cell.task].facts(cell.demos or 1)
            sha256 = facts.sha256 if facts else ""
            weights = find_weights(cell, plan.tasks[cell.task], sha256, plan.request.places)
            if weights is None:
                raise PluginError(
                    f"policy {cell.policy!r} was trained and is not found in {plan.request.places.folder(cell)}: "
                    "its 'trained' does not know what its 'fit' has made"
                )
        items.append(Item(item.cell, weights))
    return replace(plan, items=tuple(items))


def _data(plan: SweepPlan) -> dict[str, Any]:
    # The name alone: where a file lies on one machine says nothing on another.
    found: dict[str, Any] = {}
    for task, file in plan.files.items():
        if file.path is not None:
            facts = {str(size): file.facts(size) for size in plan.request.suite.demos}
            found[task] = {"file": file.path.name, "sizes": {k: asdict(v) for k, v in facts.items() if v}}
    return found


def _policies(plan: SweepPlan) -> tuple[dict[str, Any], ...]:
    entries = []
    for item in plan.items:
        if item.weights is None:  # pragma: no cover
            continue
        cell = item.cell
        entries.append(
            {
                "task": cell.task,
                "policy": cell.policy,
                "train_demos": cell.demos,
                "train_seed": cell.train_seed,
                "variant": cell.variant,
                "settings": dict(cell.settings),
                "source": item.weights.source,
                "checkpoint": item.weights.policy,
                "sha256": item.weights.sha256,
                "run": str(Path(RUNS_NAME) / run_folder(plan.request.out, cell).name),
            }
        )
    return tuple(entries)

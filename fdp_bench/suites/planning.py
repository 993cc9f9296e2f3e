"""A sweep planned: what a suite needs, and what of it is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fdp_bench.api.errors import SpecError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.suites.cells import Cell, plan_cells, task_info
from fdp_bench.suites.demonstrations import (
    TYPICAL_STEPS,
    DemonstrationFile,
    check_collectable,
    find_file,
)
from fdp_bench.suites.evaluation import Group, run_folder
from fdp_bench.suites.request import SweepRequest
from fdp_bench.suites.weights import Weights, find_weights


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

    def data_sha256(self, cell: Cell) -> str:
        """Hash of the demonstrations that a cell is trained on; empty where there are none."""
        facts = self.files[cell.task].facts(cell.demos) if cell.demos else None
        return facts.sha256 if facts else ""

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
    for task in plan.uncollected:
        check_collectable(task)
    return plan


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

    def found(cell: Cell) -> Weights | None:
        try:
            return find_weights(cell, tasks[cell.task], data_hash(cell), request.places)
        except SpecError as error:
            where = f" with variant {cell.variant!r}" if cell.variant else ""
            raise SpecError(f"{request.suite.source}: key 'training'{where}: {error}") from None

    return SweepPlan(request, tuple(Item(cell, found(cell)) for cell in cells), tasks, files)

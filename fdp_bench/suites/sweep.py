"""A sweep run: what its plan misses is collected, trained and evaluated, what is there is left alone."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import PluginError
from fdp_bench.records.manifest import COMPLETE, FAILED, INTERRUPTED, RUNNING
from fdp_bench.records.provenance import machine, versions
from fdp_bench.runner.interrupts import RunInterruptedError
from fdp_bench.runner.progress import Progress
from fdp_bench.suites.cells import Cell, short_task
from fdp_bench.suites.demonstrations import collect
from fdp_bench.suites.estimate import training_steps
from fdp_bench.suites.evaluation import evaluate, run_folder
from fdp_bench.suites.journal import RUNS_NAME, SWEEP_NAME, Journal
from fdp_bench.suites.planning import Item, SweepPlan, plan_sweep
from fdp_bench.suites.request import SweepRequest
from fdp_bench.suites.training import train_missing, waves
from fdp_bench.suites.weights import adopt, calibrated, find_weights, note_trained
from fdp_bench.training.job import Trained, TrainingJob

#: What is called with a line for the user.
Say = Callable[[str], None]


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
        plan = _calibrated(_adopted(plan), say)
        while batch := next_batch(plan, request.jobs):
            journal = _train(plan, batch, journal, say)
            plan = _calibrated(_settled(plan, batch), say)
            journal = _evaluate(plan, journal, batch, progress, say)
        journal = _evaluate(plan, journal, [item.cell for item in plan.items], progress, say)
    except BaseException as error:
        on_purpose = isinstance(error, (KeyboardInterrupt, RunInterruptedError))
        stopped = INTERRUPTED if on_purpose else FAILED
        replace(Journal.read(request.out), status=stopped).write(request.out)
        raise
    replace(journal, status=COMPLETE).write(request.out)
    return [group.folder for group in plan.groups()]


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


def next_batch(plan: SweepPlan, parallel: int) -> list[Cell]:
    """Cells to train before the next evaluation: those that can be trained side by side, or the first one.

    A network is evaluated as soon as it is trained: what is finished is published whatever becomes of the rest.
    """
    missing = plan.missing
    if parallel == 1 or not missing:
        return missing[:1]
    jobs = [_job(plan, cell) for cell in missing]
    first = {(job.out, job.policy) for job in waves(jobs)[0]}
    return [cell for job, cell in zip(jobs, missing, strict=True) if (job.out, job.policy) in first]


def _evaluate(
    plan: SweepPlan, journal: Journal, cells: Sequence[Cell], progress: Progress, say: Say
) -> Journal:
    """Run what the runs of these cells lack, as far as their weights are there."""
    journal = replace(journal, data=_data(plan), policies=_policies(plan))
    journal.write(plan.request.out)
    touched = {run_folder(plan.request.out, cell) for cell in cells}
    groups = [group for group in plan.groups() if group.folder in touched and any(group.weights)]
    for number, group in enumerate(groups, 1):
        say(f"run {number} of {len(groups)}: {group.folder.name}")
        evaluate(group, plan.tasks, plan.request, progress=progress)
    return journal


def _train(plan: SweepPlan, cells: Sequence[Cell], journal: Journal, say: Say) -> Journal:
    request = plan.request
    jobs = [_job(plan, cell) for cell in cells]
    of_job = {(job.out, job.policy): cell for job, cell in zip(jobs, cells, strict=True)}
    done: list[Mapping[str, Any]] = []
    here = machine(request.device)

    def say_started(job: TrainingJob) -> None:
        log = f"; its log: {job.log}" if request.jobs > 1 else ""
        say(f"training {job.policy} into {job.out}{log}")

    def take(trained: Trained) -> None:
        job = trained.job
        cell = of_job[job.out, job.policy]
        if trained.checkpoint is not None:
            note_trained(cell, plan.data_sha256(cell), job.out, trained.checkpoint)
        facts = {"task": cell.task, "policy": cell.policy, "label": cell.label, "machine": here}
        steps = trained.steps or training_steps(cell)
        if trained.made:
            # Two policies may have the same weights, and only the first one's training says how long it takes.
            done.append({**facts, "steps": steps, "wall_time_s": round(trained.seconds, 1)})
        replace(journal, trainings=(*journal.trainings, *done)).write(request.out)
        say(f"trained {job.policy} in {job.out} ({trained.seconds:.0f} s)")
        for warning in trained.warnings:
            say(f"warning: {warning}")

    train_missing(jobs, parallel=request.jobs, started=say_started, done=take)
    return replace(journal, trainings=(*journal.trainings, *done))


def _job(plan: SweepPlan, cell: Cell) -> TrainingJob:
    request = plan.request
    data = plan.files[cell.task].path
    if data is None or cell.demos is None or cell.train_seed is None:  # pragma: no cover
        raise RuntimeError(f"{cell} cannot be trained, or has no demonstrations")
    out = request.places.folder(cell)
    size = (cell.task, cell.demos, cell.train_seed)
    alike = [each for each in plan.missing if (each.task, each.demos, each.train_seed) == size]
    folders = [*map(request.places.folder, alike), *request.places.candidates(cell)]
    reuse = os.pathsep.join(str(folder) for folder in dict.fromkeys(folders) if folder != out)
    settings = {key: text for key, text in cell.settings.items() if key not in ("num_demos", "seed")}
    return TrainingJob(
        policy=cell.policy,
        task=plan.tasks[cell.task],
        data=data,
        out=out,
        num_demos=cell.demos,
        seed=cell.train_seed,
        settings={**settings, "device": request.device, "reuse": reuse},
    )


def _settled(plan: SweepPlan, trained: Sequence[Cell]) -> SweepPlan:
    """The plan with the weights that were trained for some of its cells."""
    items = []
    for item in plan.items:
        weights = item.weights
        if weights is None and item.cell in trained:
            cell = item.cell
            task = plan.tasks[cell.task]
            weights = find_weights(cell, task, plan.data_sha256(cell), plan.request.places)
            if weights is None:
                raise PluginError(
                    f"policy {cell.policy!r} was trained and is not found in {plan.request.places.folder(cell)}: "
                    "its 'trained' does not know what its 'fit' has made"
                )
        items.append(Item(item.cell, weights))
    return replace(plan, items=tuple(items))


def _calibrated(plan: SweepPlan, say: Say) -> SweepPlan:
    """The plan with what its policies need beside their weights."""
    request, items = plan.request, []
    for item in plan.items:
        weights = item.weights
        if weights is not None and weights.needs_calibration:
            say(f"calibrating {weights.policy}")
            task = plan.tasks[item.cell.task]
            weights, made = calibrated(weights, item.cell, task, request.places, request.device)
            for line in made.warnings:
                say(f"warning: {line}")
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

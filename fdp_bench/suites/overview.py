"""What a sweep will do, as text: a table of its policies, and how long it takes."""

import math
import textwrap
from collections.abc import Sequence

from fdp_bench.suites.cells import short_task
from fdp_bench.suites.demonstrations import COLLECTED
from fdp_bench.suites.estimate import SECONDS_A_DEMONSTRATION, Pace, duration, training_steps
from fdp_bench.suites.evaluation import episodes_missing, episodes_planned
from fdp_bench.suites.planning import SweepPlan

#: Columns that prose is wrapped to.
WIDTH = 110
_HEADERS = ("task", "policy", "demos", "seed", "variant", "weights", "steps to train")


def overview(plan: SweepPlan, pace: Pace, *, workers: int) -> str:
    """Describe a plan.

    Args:
        plan: The plan.
        pace: See `fdp_bench.suites.estimate`.
        workers: Worker processes that the runs will have.
    """
    suite = plan.request.suite
    rows = [
        (
            short_task(item.cell.task),
            item.cell.policy,
            _or_dash(item.cell.demos),
            _or_dash(item.cell.train_seed),
            item.cell.variant or "-",
            item.weights.source if item.weights else "to train",
            "" if item.weights else f"{training_steps(item.cell):,}",
        )
        for item in plan.items
    ]
    lines = [f"suite {suite.name}" + (f": {suite.summary}" if suite.summary else ""), "", *_table(rows), ""]
    cell = f"{suite.episodes} {'episode' if suite.episodes == 1 else 'episodes'} a cell, seed {suite.seed}"
    under = f"clean and under {', '.join(suite.shifts)}" if suite.shifts else "clean"
    lines += textwrap.wrap(f"each policy runs {under}; {cell}", WIDTH, break_on_hyphens=False)
    return "\n".join([*lines, *_scaling(plan), "", *_work(plan, pace, workers), f"into {plan.request.out}"])


def _work(plan: SweepPlan, pace: Pace, workers: int) -> list[str]:
    suite, jobs = plan.request.suite, plan.request.jobs
    collecting = len(plan.uncollected) * max(COLLECTED, math.ceil(1.2 * max(suite.demos)))
    steps = sum(training_steps(cell) for cell in plan.missing)
    groups = plan.groups()
    episodes = sum(episodes_missing(group, suite) for group in groups)
    planned = sum(episodes_planned(group, suite) for group in groups)
    # Processes share the cores, so side by side is no faster than what one network leaves idle.
    train_s, run_s = steps * pace.step_s, episodes * pace.episode_s / workers
    collect_s = collecting * SECONDS_A_DEMONSTRATION
    lines = []
    for task, file in plan.files.items():
        if file.path is not None and any(cell.task == task for cell in plan.missing):
            lines.append(f"demonstrations of {short_task(task)}: {file.path}")
    if collecting:
        names = ", ".join(map(short_task, plan.uncollected))
        lines.append(f"to collect: {collecting} demonstrations of {names}, {duration(collect_s)}")
    if steps:
        side = f", {jobs} side by side" if jobs > 1 else ""
        lines.append(
            f"to train: {len(plan.missing)} of {len(plan.items)} policies, about {steps:,} gradient steps, "
            f"{duration(train_s)} one after the other{side} ({pace.step_s:.2f} s a step: {pace.step_source})"
        )
    if episodes:
        lines.append(
            f"to run: {episodes:,} of {planned:,} episodes in {len(groups)} {'run' if len(groups) == 1 else 'runs'}, "
            f"{duration(run_s)} with {workers} {'worker' if workers == 1 else 'workers'} "
            f"({pace.episode_s:.2f} s an episode and worker: {pace.episode_source})"
        )
    if not lines:
        return [f"nothing to do: all {planned:,} episodes are there"]
    return [*lines, f"in all: {duration(collect_s + train_s + run_s)}"]


def _scaling(plan: SweepPlan) -> list[str]:
    suite, steps = plan.request.suite, plan.request.steps
    own = suite.training.get("steps")
    if steps is None or own == str(steps):
        return []
    scale = f", {steps / int(own):.3g} times the suite's" if own else ""
    return [
        f"budget: {steps:,} gradient steps{scale}; every number of steps is scaled alike, and the result says so"
    ]


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns, numbers to the right; a column in which nothing stands is left out."""
    right = {_HEADERS.index(name) for name in ("demos", "seed", "steps to train")}
    kept = [index for index in range(len(_HEADERS)) if any(row[index] not in ("", "-") for row in rows)]
    widths = [max(len(line[index]) for line in (_HEADERS, *rows)) for index in kept]
    return [
        "  ".join(
            line[index].rjust(width) if index in right else line[index].ljust(width)
            for index, width in zip(kept, widths, strict=True)
        ).rstrip()
        for line in (_HEADERS, *rows)
    ]

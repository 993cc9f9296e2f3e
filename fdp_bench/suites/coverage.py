"""Counts the cells of a suite in the records of its runs, and says which are missing."""

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import CLEAN, EpisodeSpec
from fdp_bench.api.errors import SpecError
from fdp_bench.records.store import MANIFEST_NAME, RunStore
from fdp_bench.report.coverage import Coverage
from fdp_bench.report.runs import in_results
from fdp_bench.report.typeset import counted
from fdp_bench.suites.cells import Cell, plan_cells, short_task
from fdp_bench.suites.evaluation import run_folder
from fdp_bench.suites.journal import SWEEP_NAME, Journal
from fdp_bench.suites.load import load_suite
from fdp_bench.suites.suite import Suite

#: Cells, each with the number of episodes that are there under each shift.
_Done = Sequence[tuple[Cell, Mapping[str, int]]]


def coverage_of(folder: Path) -> Coverage:
    """Hold a sweep's runs, or what was published of them, against the suite's own file.

    Where that file is not at hand, the suite is taken as the sweep was last asked for it, and the sentence says so.

    Args:
        folder: A folder with a ``sweep.json``.

    Raises:
        RunError: If the sweep or one of its runs cannot be read.
    """
    journal = Journal.read(folder)
    try:
        suite, how = _suite_of(journal)
        return check_suite(suite, folder, how)
    except SpecError as error:
        return Coverage(f"The cells of suite {journal.name} cannot be counted: {error}.")


def _suite_of(journal: Journal) -> tuple[Suite, str]:
    """The suite that a sweep was made from, and words for how it is known where that is not from its file."""
    try:
        return load_suite((shlex.split(journal.command)[2:3] or [journal.name])[0]), ""
    except (SpecError, ValueError):
        pass
    try:
        return Suite.from_json(journal.suite), ", as its sweep was last asked for it,"
    except (TypeError, ValueError) as error:
        raise SpecError(f"{SWEEP_NAME} does not say what was asked ({error})") from None


def sweeps_in(sources: Sequence[Path]) -> list[Path]:
    """Those of some folders that are a sweep's, or hold what was published of one."""
    return [folder for folder in map(in_results, sources) if (folder / SWEEP_NAME).is_file()]


def check_suite(suite: Suite, folder: Path, how: str = "") -> Coverage:
    """Count the cells of a suite in the runs of a sweep's folder.

    A cell is a policy of one training on one task under one shift, or clean. Its episodes are those of the suite's
    seed, up to the suite's number, with the weights that the sweep says it has used last.

    Args:
        suite: The suite, or a part of it.
        folder: A folder with a ``sweep.json``.
        how: Words behind the suite's name.

    Raises:
        RunError: If the sweep or one of its runs cannot be read.
        SpecError: If the suite's policies or tasks are not there.
    """
    journal = Journal.read(folder)
    # How many steps an epoch has is nothing to the number of cells.
    cells = plan_cells(suite, lambda task, demos: 1, steps=journal.steps)
    weights = {_key(entry): str(entry.get("sha256", "")) for entry in journal.policies}
    specs = {run: _specs(run) for run in dict.fromkeys(run_folder(folder, cell) for cell in cells)}
    shifts = (CLEAN, *suite.shifts)
    done: list[tuple[Cell, Mapping[str, int]]] = []
    for cell in cells:
        sha256 = weights.get((cell.task, cell.policy, cell.demos, cell.train_seed, cell.variant))
        indices = {
            (spec.shift, spec.index)
            for spec in specs[run_folder(folder, cell)]
            if spec.bare_policy == cell.policy
            and sha256 in (None, spec.checkpoint)
            and (spec.run_seed, spec.noise_seed) == (suite.seed, 0)
            and spec.index < suite.episodes
        }
        counts = Counter(shift for shift, _ in indices)
        done.append((cell, {shift: counts[shift] for shift in shifts}))
    return Coverage(_sentence(f"Suite {suite.name}{how}", suite, done), tuple(_missing(suite, done)))


def _specs(run: Path) -> list[EpisodeSpec]:
    if not (run / MANIFEST_NAME).is_file():
        return []
    return [record.spec for record in RunStore.open(run).records()]


def _key(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry.get(name) for name in ("task", "policy", "train_demos", "train_seed", "variant"))


def _sentence(name: str, suite: Suite, done: _Done) -> str:
    counts = [count for _, of_cell in done for count in of_cell.values()]
    complete = sum(count == suite.episodes for count in counts)
    cells = f"{counted(len(counts), 'cell')} of {counted(suite.episodes, 'episode')}"
    if complete == len(counts):
        return f"{name} is complete: {cells}."
    planned = len(counts) * suite.episodes
    return (
        f"{name} is not complete: {complete:,} of {cells} are there, and {planned - sum(counts):,} of "
        f"{planned:,} episodes are missing:"
    )


def _missing(suite: Suite, done: _Done) -> list[str]:
    """What is missing, one line a task, run, or policy, whichever is missing as a whole."""
    lines = []
    for task, of_task in _grouped(done, lambda cell: short_task(cell.task)).items():
        if not _any(of_task):
            lines.append(f"{task}: {_all(of_task)}")
            continue
        for label, of_run in _grouped(of_task, lambda cell: cell.label).items():
            where = f"{task}, {label}"
            if not _any(of_run):
                lines.append(f"{where}: {_all(of_run)}")
                continue
            if absent := [cell.policy for cell, counts in of_run if not any(counts.values())]:
                lines.append(f"{where}: no episode of {', '.join(absent)}")
            for cell, counts in of_run:
                short = [f"{shift} {count}" for shift, count in counts.items() if count < suite.episodes]
                if short and any(counts.values()):
                    lines.append(
                        f"{where}: {cell.policy} has of {suite.episodes} episodes: {', '.join(short)}"
                    )
    return lines


def _grouped(done: _Done, key: Callable[[Cell], str]) -> dict[str, list[tuple[Cell, Mapping[str, int]]]]:
    groups: dict[str, list[tuple[Cell, Mapping[str, int]]]] = {}
    for cell, counts in done:
        groups.setdefault(key(cell), []).append((cell, counts))
    return groups


def _any(done: _Done) -> bool:
    return any(any(counts.values()) for _, counts in done)


def _all(done: _Done) -> str:
    policies = dict.fromkeys(cell.policy for cell, _ in done)
    cells = sum(len(counts) for _, counts in done)
    return f"all {counted(cells, 'cell')} ({', '.join(policies)})"

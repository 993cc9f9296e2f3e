"""The task maps that this process knows: those of the package, and those that were read in it.

A map is known by the id that it gives, so that the rest of the program knows tasks by their ids alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import SpecError
from fdp_bench.tasks.external.map_file import parse_map, read_map
from fdp_bench.tasks.external.task_map import TaskMap

_remembered: dict[str, TaskMap] = {}


def remember(task_map: TaskMap) -> TaskMap:
    """Know a task by its map's id from now on, in this process.

    Raises:
        SpecError: If another map of the same id was read before.
    """
    known = find_map(task_map.id)
    if known is not None and _canonical(known) != _canonical(task_map):
        raise SpecError(
            f"two different maps call their task {task_map.id!r}; give the changed one another version in its 'id'"
        )
    _remembered[task_map.id] = task_map
    return task_map


def load_map(path: Path) -> TaskMap:
    """Read a map's file and remember it.

    Args:
        path: TOML file.

    Raises:
        SpecError: If there is none, or whatever is wrong in it, in one line with the file and the key.
    """
    return remember(read_map(path))


def find_map(task_id: str) -> TaskMap | None:
    """The map of a task: one that was read in this process, or that comes with the package; None where none is."""
    if task_id in _remembered:
        return _remembered[task_id]
    file = packaged_maps().get(task_id)
    return read_map(file, packaged=True) if file else None


def map_data(task_id: str) -> dict[str, Any] | None:
    """A task's map as plain data, for manifests and for other processes; None where it has none."""
    found = find_map(task_id)
    return dict(found.data) if found else None


def remember_data(data: Mapping[str, Any] | None, where: str) -> None:
    """Remember the map that `map_data` gave elsewhere, if it gave one.

    Args:
        data: What it gave.
        where: What messages call it.

    Raises:
        SpecError: If a task of the same id has another map here.
    """
    if data:
        remember(parse_map(data, where, packaged=True))


def packaged_maps() -> dict[str, Path]:
    """Id -> file of the maps that come with the package, sorted."""
    folder = Path(__file__).parents[1] / "maps"
    return {f"fdp_bench/{path.stem}": path for path in sorted(folder.glob("*.toml"))}


def _canonical(task_map: TaskMap) -> str:
    return json.dumps(task_map.data, sort_keys=True)

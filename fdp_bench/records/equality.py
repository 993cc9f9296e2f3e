"""Are two runs equal, wall times aside?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord, comparable_pair
from fdp_bench.records.store import RunStore


def compare_records(run_a: Path, run_b: Path) -> list[str]:
    """Compare the episode records of two runs; order, wall times and fields of one version only do not count.

    Args:
        run_a: Folder of a run.
        run_b: Folder of another.

    Returns:
        One line a difference; empty when the runs are equal.

    Raises:
        RunError: If a run cannot be read.
    """
    a, b = _by_id(RunStore.open(run_a).records()), _by_id(RunStore.open(run_b).records())
    differences = [f"only in {run_a}: {_name(a[key])}" for key in a if key not in b]
    differences += [f"only in {run_b}: {_name(b[key])}" for key in b if key not in a]
    for key in a:
        if key in b:
            lines = _differences(*comparable_pair(a[key], b[key]))
            differences += [f"{_name(a[key])}: {line}" for line in lines]
    return differences


def _by_id(records: Sequence[EpisodeRecord]) -> dict[str, EpisodeRecord]:
    return {record.spec.id: record for record in records}


def _name(record: EpisodeRecord) -> str:
    return f"{record.spec.policy} / {record.spec.shift} / episode {record.spec.index}"


def _differences(a: Any, b: Any, path: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        lines: list[str] = []
        for key in sorted({*a, *b}):
            where = f"{path}.{key}" if path else str(key)
            if key not in a or key not in b:
                lines.append(f"{where} is only in the {'first' if key in a else 'second'}")
            else:
                lines += _differences(a[key], b[key], where)
        return lines
    return [] if a == b else [f"{path}: {a!r} != {b!r}"]

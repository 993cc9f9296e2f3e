"""Each policy's area under the severity curve, and the differences between policies."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fdp_bench.api import CLEAN, EpisodeRecord
from fdp_bench.report.names import short_task
from fdp_bench.report.names import split_shift as split
from fdp_bench.report.tables.summary import EpisodeKey, by_arm
from fdp_bench.report.tables.trainings import PolicyKey, are_compared, find_trainings, name_policies, tasks_of
from fdp_bench.report.typeset import Column, Layout, percent, signed, typeset
from fdp_bench.stats import severity_area, severity_area_difference

if TYPE_CHECKING:
    import pandas

AREA_COLUMNS = ("task", "shift", "policy", "against", "levels", "episodes", "area", "area_low", "area_high")
#: Severities, clean included, that make a curve.
_FEWEST_LEVELS = 3

#: Severity -> episode -> success.
_Curve = Mapping[float, Mapping[EpisodeKey, bool]]


def severity_auc_table(records: Sequence[EpisodeRecord]) -> "pandas.DataFrame":
    """Success averaged over a shift's severities, clean to the highest, one row a policy and one a pair of them.

    Args:
        records: Episodes, each once; an error counts as a failure.

    Returns:
        Table with `AREA_COLUMNS`. Where ``against`` names a policy, ``area`` is the difference to it on the same
        episodes. ``episodes`` counts those that were run at every level. Shifts at fewer than two severities have
        no row.
    """
    import pandas

    trainings = find_trainings(records)
    names = name_policies(trainings, tasks_of(records))
    rows: list[dict[str, Any]] = []
    for (task, shift), curves in _curves(records).items():
        levels = sorted(set.intersection(*(set(curve) for curve in curves.values())))
        if len(levels) < _FEWEST_LEVELS:
            continue
        place = {"task": task, "shift": shift, "levels": len(levels)}
        for key, curve in curves.items():
            (outcomes,) = _matrices([curve], levels)
            if len(outcomes):
                row = place | {"policy": names[key], "against": ""}
                rows.append(row | _columns(severity_area(outcomes, levels)))
        for one, other in combinations(curves, 2):
            first, second = _matrices([curves[one], curves[other]], levels)
            if len(first) and are_compared(one, other, trainings):
                row = place | {"policy": names[one], "against": names[other]}
                rows.append(row | _columns(severity_area_difference(first, second, levels)))
    return pandas.DataFrame(rows, columns=list(AREA_COLUMNS))


def severity_auc_layout(table: "pandas.DataFrame") -> Layout:
    """Typeset the areas; those of single policies first."""
    columns = (
        Column("task", lambda row: short_task(row["task"]), numeric=False),
        Column("shift", lambda row: str(row["shift"]), numeric=False),
        Column("policy", lambda row: str(row["policy"]), numeric=False),
        Column("minus", lambda row: str(row["against"]), numeric=False),
        Column("levels", lambda row: str(row["levels"])),
        Column("n", lambda row: str(row["episodes"])),
        Column("area % [95%]", _area),
    )
    notes = (
        "area: success averaged over severities from clean to the highest, by the trapezoid rule, with the interval "
        "of fdp_bench.stats.severity_area; where 'minus' names a policy, the difference to it on the same n episodes, "
        "in points. The intervals cover episodes, not other trainings, and are not adjusted for their number.",
    )
    rows = sorted(table.to_dict("records"), key=lambda row: (row["task"], row["shift"], row["against"] != ""))
    return typeset("Area under the severity curve", columns, rows, notes)


def _curves(records: Sequence[EpisodeRecord]) -> dict[tuple[str, str], dict[PolicyKey, _Curve]]:
    """(task, shift's name) -> policy -> its curve."""
    arms = by_arm(records)
    found: dict[tuple[str, str], dict[PolicyKey, dict[float, dict[EpisodeKey, bool]]]] = {}
    for (task, policy, checkpoint, shift, severity), episodes in arms.items():
        if shift == CLEAN:
            continue
        clean = arms.get((task, policy, checkpoint, CLEAN, 0.0), {})
        curve = found.setdefault((task, split(shift)[0]), {}).setdefault(
            (policy, checkpoint), {0.0: _successes(clean)}
        )
        curve[severity] = _successes(episodes)
    return {scene: dict(curves) for scene, curves in found.items()}


def _successes(episodes: Mapping[EpisodeKey, EpisodeRecord]) -> dict[EpisodeKey, bool]:
    return {key: record.succeeded for key, record in episodes.items()}


def _matrices(curves: Sequence[_Curve], levels: Sequence[float]) -> list[Any]:
    """Outcomes of the episodes that all curves have at all levels, each of shape (episodes, levels)."""
    keys = _common(curve[level] for curve in curves for level in levels)
    return [
        np.array([[curve[level][key] for level in levels] for key in keys], dtype=int) for curve in curves
    ]


def _common(outcomes: Iterable[Mapping[EpisodeKey, bool]]) -> list[EpisodeKey]:
    return sorted(set.intersection(*(set(of_level) for of_level in outcomes)))


def _columns(area: Any) -> dict[str, Any]:
    low, high = area.interval
    return {"episodes": area.episodes, "area": area.value, "area_low": low, "area_high": high}


def _area(row: Mapping[str, Any]) -> str:
    if row["against"]:
        return signed(row, "area")
    return f"{percent(row['area'])} [{percent(row['area_low'])}, {percent(row['area_high'])}]"

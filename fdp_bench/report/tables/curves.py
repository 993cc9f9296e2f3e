"""Tables behind the curves: success over severity, over demonstrations, over both, and over variants.

Rates are fractions. A point is the mean of the training seeds of one series, with their range where there are enough
of them, else with an interval over episodes.
"""

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, LEVELS, Training
from fdp_bench.report.tables.trainings import (
    DEMOS,
    SEED,
    PolicyKey,
    name_series,
    recipe_of,
    tasks_in,
    trainings_in,
)
from fdp_bench.report.typeset import known, split_shift
from fdp_bench.stats import TrainingResult, data_efficiency_curve

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]
Trainings = Mapping[PolicyKey, Training]

#: What every point of every curve states, beside its place.
POINT_COLUMNS = (
    "train_seeds",
    "episodes",
    "successes",
    "success_rate",
    "low",
    "high",
    "interval",
    "seed_rates",
    "base_rate",
)
SEVERITY_COLUMNS = ("task", "shift", "train_demos", "series", "level", *POINT_COLUMNS)
EFFICIENCY_COLUMNS = ("task", "shift", "severity", "series", "train_demos", *POINT_COLUMNS)
SURFACE_COLUMNS = ("task", "shift", "series", "train_demos", "level", *POINT_COLUMNS)
ABLATION_COLUMNS = ("task", "shift", "severity", "family", "variant", *POINT_COLUMNS)
CELL_COLUMNS = ("task", "shift", "severity", "series", "seeds", "seed_episodes", *POINT_COLUMNS)
#: Values of ``interval``.
WILSON, SEED_RANGE = "Wilson", "range of seeds"


def severity_table(summary: "pandas.DataFrame", trainings: Trainings) -> "pandas.DataFrame":
    """Success over a shift's level, clean at level 0; shifts that were run at one severity are left out.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        trainings: As `fdp_bench.report.tables.trainings.find_trainings` returns them.

    Returns:
        Table with `SEVERITY_COLUMNS`. ``level`` is 5 times the severity, of the first shift where several act;
        ``train_demos`` is nan where nobody knows it.
    """
    names = name_series(trainings, tasks_in(summary), pooled=(SEED, DEMOS))
    points = [
        {"task": row["task"], "shift": shift, "train_demos": _demos(row, trainings)}
        | {"series": names[_key(row)], "level": level, "row": row}
        for row in _records(summary)
        for shift, level in _places(row, summary)
    ]
    place = ("task", "shift", "train_demos", "series", "level")
    table = _pooled(points, place, SEVERITY_COLUMNS)
    return _with_several(table, ("task", "shift"), "level", least=3)


def efficiency_table(summary: "pandas.DataFrame", trainings: Trainings) -> "pandas.DataFrame":
    """Success over the number of demonstrations, under each shift and severity; empty with one number only.

    Returns:
        Table with `EFFICIENCY_COLUMNS`; see `severity_table` for the arguments.
    """
    names = name_series(trainings, tasks_in(summary), pooled=(SEED, DEMOS))
    points = [
        {name: row[name] for name in ("task", "shift", "severity")}
        | {"series": names[_key(row)], "train_demos": trainings[_key(row)].demos, "row": row}
        for row in _records(summary)
        if trainings[_key(row)].demos is not None
    ]
    table = _pooled(points, ("task", "shift", "severity", "series", "train_demos"), EFFICIENCY_COLUMNS)
    return _with_several(table, ("task", "shift"), "train_demos", least=2)


def surface_table(summary: "pandas.DataFrame", trainings: Trainings) -> "pandas.DataFrame":
    """Success over demonstrations and level together; empty unless both vary.

    Returns:
        Table with `SURFACE_COLUMNS`; see `severity_table` for the arguments.
    """
    names = name_series(trainings, tasks_in(summary), pooled=(SEED, DEMOS))
    points = [
        {"task": row["task"], "shift": shift, "series": names[_key(row)]}
        | {"train_demos": trainings[_key(row)].demos, "level": level, "row": row}
        for row in _records(summary)
        if trainings[_key(row)].demos is not None
        for shift, level in _places(row, summary)
    ]
    table = _pooled(points, ("task", "shift", "series", "train_demos", "level"), SURFACE_COLUMNS)
    table = _with_several(table, ("task", "shift"), "level", least=3)
    return _with_several(table, ("task", "shift"), "train_demos", least=2)


def ablation_table(summary: "pandas.DataFrame", trainings: Trainings) -> "pandas.DataFrame":
    """Success of the variants of each policy: the same recipe with other options or training settings.

    Returns:
        Table with `ABLATION_COLUMNS`; ``family`` is the recipe without options. Empty where no family has two
        variants trained on equally many demonstrations. See `severity_table` for the arguments.
    """
    names = name_series(trainings, tasks_in(summary))
    points = [
        {name: row[name] for name in ("task", "shift", "severity")}
        | {"family": recipe_of(row["policy"]).partition("?")[0], "variant": names[_key(row)], "row": row}
        for row in _records(summary)
    ]
    # A recipe that is trained with other settings for another task is no variant of itself.
    kinds: dict[tuple[str, str, int | None], set[tuple[str, str]]] = {}
    for point in points:
        key = _key(point["row"])
        kind = (recipe_of(key[0]), trainings[key].variant)
        kinds.setdefault((point["task"], point["family"], trainings[key].demos), set()).add(kind)
    families = {(task, family) for (task, family, _), variants in kinds.items() if len(variants) > 1}
    points = [point for point in points if (point["task"], point["family"]) in families]
    return _pooled(points, ("task", "shift", "severity", "family", "variant"), ABLATION_COLUMNS)


def cell_table(summary: "pandas.DataFrame") -> "pandas.DataFrame":
    """Every cell of a suite: a policy on a task under a shift, with its training seeds side by side.

    Returns:
        Table with `CELL_COLUMNS`, in the order of the summary; ``seeds`` is a tuple of the training seeds, in the order
        of ``seed_rates``; ``seed_episodes`` that of the number of episodes of each.
    """
    import pandas

    names = name_series(trainings_in(summary), tasks_in(summary))
    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    for row in _records(summary):
        place = (row["task"], row["shift"], row["severity"], names[_key(row)])
        groups.setdefault(place, []).append(row)
    rows = [
        dict(zip(CELL_COLUMNS, place, strict=False))
        | {"seeds": tuple(int(row["train_seed"]) for row in members if known(row["train_seed"]))}
        | {"seed_episodes": tuple(int(row["episodes"]) for row in members)}
        | pool(members)
        for place, members in groups.items()
    ]
    return pandas.DataFrame(rows, columns=list(CELL_COLUMNS))


def _pooled(
    points: Iterable[Mapping[str, Any]], place: Sequence[str], columns: Sequence[str]
) -> "pandas.DataFrame":
    """One row for each place, from the summary rows of all points there, in order of first occurrence."""
    import pandas

    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    for point in points:
        groups.setdefault(tuple(point[name] for name in place), []).append(point["row"])
    rows = [dict(zip(place, key, strict=True)) | pool(members) for key, members in groups.items()]
    table = pandas.DataFrame(rows, columns=list(columns))
    numbers = [name for name in ("train_demos", "level") if name in columns]
    return table.sort_values(numbers, kind="stable", ignore_index=True) if numbers else table


def pool(rows: Sequence[Row]) -> dict[str, Any]:
    """Join one series' training seeds at one point: their mean, each of them, and what they allow to claim.

    Args:
        rows: Rows of a summary, one a training seed.

    Returns:
        Values for `POINT_COLUMNS`, by `fdp_bench.stats.data_efficiency_curve`: from `fdp_bench.stats.MIN_SEEDS`
        seeds on ``low`` and ``high`` are their range, below that an interval over episodes. ``seed_rates`` is a tuple.
    """
    results = [
        TrainingResult(1, seed, int(row["successes"]), int(row["episodes"])) for seed, row in enumerate(rows)
    ]
    (point,) = data_efficiency_curve(results).points
    return {
        "train_seeds": point.n_seeds,
        "episodes": point.episodes,
        "successes": sum(result.successes for result in results),
        "success_rate": point.rate,
        "low": point.low,
        "high": point.high,
        "interval": SEED_RANGE if point.band == "range" else WILSON,
        "seed_rates": point.seed_rates,
        "base_rate": _mean([row["base_rate"] for row in rows]),
    }


def _mean(values: Sequence[float]) -> float:
    """Mean of all seeds' values; nan where one of them has none."""
    return sum(values) / len(values)


def _places(row: Row, summary: "pandas.DataFrame") -> list[tuple[str, float]]:
    """Where a row stands on severity curves: a clean one at level 0 of every shift of its task."""
    if row["shift"] != CLEAN:
        return [(split_shift(row["shift"])[0], round(row["severity"] * LEVELS, 6))]
    shifts = summary.loc[(summary["task"] == row["task"]) & (summary["shift"] != CLEAN), "shift"]
    return [(name, 0.0) for name in dict.fromkeys(split_shift(shift)[0] for shift in shifts)]


def _with_several(
    table: "pandas.DataFrame", groups: Collection[str], column: str, *, least: int
) -> "pandas.DataFrame":
    """Rows of the groups in which a column has at least so many values."""
    if table.empty:
        return table
    counts = table.groupby(list(groups))[column].transform("nunique")
    return table[counts >= least].reset_index(drop=True)


def _records(summary: "pandas.DataFrame") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = summary.to_dict("records")
    return rows


def _demos(row: Row, trainings: Trainings) -> float:
    demos = trainings[_key(row)].demos
    return math.nan if demos is None else demos


def _key(row: Row) -> PolicyKey:
    return (row["policy"], row["checkpoint"])


#: Makes a table from a summary and the trainings.
MakeTable = Callable[["pandas.DataFrame", Trainings], "pandas.DataFrame"]

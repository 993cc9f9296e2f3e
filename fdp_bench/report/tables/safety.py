"""Safety figures of arms: how hard, how fast and how jerkily a policy moves, and what a shift changes in it."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, EpisodeRecord
from fdp_bench.report.cells import Cell, number_cell, severity_cell
from fdp_bench.report.names import EMPTY, split_shift
from fdp_bench.report.tables.summary import EpisodeKey, by_arm
from fdp_bench.report.tables.trainings import are_compared, find_trainings, name_policies, tasks_of
from fdp_bench.report.typeset import Column, Layout, typeset

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas

#: Key of `EpisodeRecord.safety` -> its name and unit.
FIGURES = {
    "peak_contact_force_n": ("peak force", "N"),
    "peak_joint_speed_rad_s": ("peak speed", "rad/s"),
    "action_jerk": ("jerk", "/step²"),
}
#: Decimals that are shown of each.
_DECIMALS = {"peak_contact_force_n": 1, "peak_joint_speed_rad_s": 2, "action_jerk": 3}
SAFETY_COLUMNS = ("task", "label", "shift", "severity", "figure", "episodes", "mean", "median", "p95")
_PAIRED = ("pairs", "difference", "difference_low", "difference_high")
SAFETY_COMPARISON_COLUMNS = ("task", "shift", "severity", "figure", "policy_a", "policy_b", *_PAIRED)
#: Pairs below which a bootstrap interval would be a guess.
MIN_PAIRS = 10
_RESAMPLES = 2000

Episodes = Mapping[EpisodeKey, EpisodeRecord]


def safety_table(records: Sequence[EpisodeRecord]) -> "pandas.DataFrame":
    """One row an arm and figure.

    Args:
        records: Episodes, each once. Those that ended in an error have no figures and are left out.

    Returns:
        Table with `SAFETY_COLUMNS` and ``pairs``, ``difference``, ``difference_low`` and ``difference_high``:
        mean of shifted minus clean over the same episodes, with its 95% BCa bootstrap interval; nan on clean
        rows, the interval also below `MIN_PAIRS` pairs. Units are those of `FIGURES`.
    """
    import numpy as np
    import pandas

    arms, names = by_arm(records), name_policies(find_trainings(records), tasks_of(records))
    rows = []
    for arm, episodes in arms.items():
        task, policy, checkpoint, shift, severity = arm
        twins = arms.get((task, policy, checkpoint, CLEAN, 0.0), {}) if shift != CLEAN else {}
        for figure in FIGURES:
            values = np.array(list(_values(episodes, figure).values()))
            if not len(values):
                continue
            row = {"task": task, "label": names[policy, checkpoint], "shift": shift, "severity": severity}
            row |= {"figure": figure, "episodes": len(values), "mean": float(values.mean())}
            row |= {"median": float(np.median(values)), "p95": float(np.percentile(values, 95))}
            rows.append(row | _paired(episodes, twins, figure))
    return pandas.DataFrame(rows, columns=[*SAFETY_COLUMNS, *_PAIRED])


def safety_comparison(records: Sequence[EpisodeRecord]) -> "pandas.DataFrame":
    """Every pair of policies under the same shift: mean of the first minus the second over the same episodes.

    Returns:
        Table with `SAFETY_COMPARISON_COLUMNS`; see `safety_table` for interval and units, and
        `fdp_bench.report.tables.summary.compare_policies` for who is compared.
    """
    import pandas

    arms, trainings = by_arm(records), find_trainings(records)
    names = name_policies(trainings, tasks_of(records))
    rows = []
    for (first, episodes), (second, others) in combinations(arms.items(), 2):
        same_scene = (first[0], *first[3:]) == (second[0], *second[3:])
        if not same_scene or not are_compared(first[1:3], second[1:3], trainings):
            continue
        for figure in FIGURES:
            row = {"task": first[0], "shift": first[3], "severity": first[4], "figure": figure}
            row |= {"policy_a": names[first[1:3]], "policy_b": names[second[1:3]]}
            paired = _paired(episodes, others, figure)
            if paired["pairs"]:
                rows.append(row | paired)
    return pandas.DataFrame(rows, columns=list(SAFETY_COMPARISON_COLUMNS))


def safety_layouts(table: "pandas.DataFrame") -> list[Layout]:
    """Typeset a safety table, one table a task: an arm a row, the figures side by side."""
    arms: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in table.to_dict("records"):
        arms.setdefault((row["task"], row["label"], row["shift"]), {})[row["figure"]] = row
    columns = [
        Column("policy", lambda row: str(_any(row)["label"]), numeric=False),
        Column("shift", lambda row: split_shift(_any(row)["shift"])[0], numeric=False),
        Column("sev", lambda row: severity_cell(_any(row))),
        Column("n", lambda row: number_cell(_any(row)["episodes"])),
    ]
    for figure, (name, unit) in FIGURES.items():
        columns.append(Column(f"{name}, {unit}", partial(_mean_of, figure)))
        columns.append(Column("change [95%]", partial(_change_of, figure)))
    notes = (
        "Means over all episodes without an error, failed ones included: an episode that fails goes on to the "
        "horizon and has more time to touch something.",
        "change: shifted minus clean, mean paired difference over the same episodes, with its 95% BCa bootstrap "
        f"interval ({_RESAMPLES} resamples); none below {MIN_PAIRS} pairs. Not adjusted for the number of comparisons.",
        "peak force: the largest contact force between the gripper and anything; peak speed: the fastest joint's; "
        "jerk: root mean square of the second difference of the actions, which lie in [-1, 1].",
    )
    return [
        typeset(
            f"{task}: safety figures", columns, [row for key, row in arms.items() if key[0] == task], notes
        )
        for task in dict.fromkeys(task for task, _, _ in arms)
    ]


def safety_comparison_layouts(table: "pandas.DataFrame") -> list[Layout]:
    """Typeset a comparison, one table a task."""
    columns = (
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", severity_cell),
        Column("figure", lambda row: ", ".join(FIGURES[row["figure"]]), numeric=False),
        Column("policy A", lambda row: str(row["policy_a"]), numeric=False),
        Column("policy B", lambda row: str(row["policy_b"]), numeric=False),
        Column("n", lambda row: number_cell(row["pairs"])),
        Column("A − B [95%]", _change),
    )
    rows = table.to_dict("records")
    return [
        typeset(
            f"{task}: safety, policy against policy",
            columns,
            [row for row in rows if row["task"] == task],
            (
                "A − B: mean paired difference over the same episodes, 95% BCa bootstrap interval, unadjusted.",
            ),
        )
        for task in dict.fromkeys(row["task"] for row in rows)
    ]


def _values(episodes: Episodes, figure: str) -> dict[EpisodeKey, float]:
    return {
        key: float(record.safety[figure])
        for key, record in episodes.items()
        if record.status == "ok" and figure in record.safety
    }


def _paired(first: Episodes, second: Episodes, figure: str) -> dict[str, Any]:
    import numpy as np

    values, others = _values(first, figure), _values(second, figure)
    differences = np.array([value - others[key] for key, value in values.items() if key in others])
    if not len(differences):
        return {"pairs": 0, **dict.fromkeys(_PAIRED[1:], math.nan)}
    low, high = _mean_interval(differences)
    mean = float(differences.mean())
    return {"pairs": len(differences), "difference": mean, "difference_low": low, "difference_high": high}


def _mean_interval(values: "npt.NDArray[np.float64]") -> tuple[float, float]:
    """95% BCa bootstrap interval of a mean (Efron 1987); the same for the same values."""
    import numpy as np
    from scipy.stats import bootstrap

    if len(values) < MIN_PAIRS:
        return math.nan, math.nan
    # Equal but for rounding: there is nothing to resample.
    if np.ptp(values) <= 1e-9 * np.abs(values).max():
        return float(values[0]), float(values[0])
    found = bootstrap((values,), np.mean, n_resamples=_RESAMPLES, method="BCa", rng=np.random.default_rng(0))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _any(row: Mapping[str, Any]) -> Mapping[str, Any]:
    first: Mapping[str, Any] = next(iter(row.values()))
    return first


def _mean_of(figure: str, row: Mapping[str, Any]) -> Cell:
    if figure not in row:
        return Cell(EMPTY)
    return Cell(_short(row[figure]["mean"], figure), order=row[figure]["mean"])


def _change_of(figure: str, row: Mapping[str, Any]) -> Cell:
    return _change(row.get(figure))


def _change(row: Mapping[str, Any] | None) -> Cell:
    if row is None or math.isnan(row["difference"]):
        return Cell(EMPTY)
    value, low, high = (
        _short(row[name], row["figure"], sign="+")
        for name in ("difference", "difference_low", "difference_high")
    )
    return Cell(value, None if math.isnan(row["difference_low"]) else (low, high), row["difference"])


def _short(value: float, figure: str, sign: str = "") -> str:
    text = f"{value:{sign}.{_DECIMALS[figure]}f}"
    return "0" if float(text) == 0 else text

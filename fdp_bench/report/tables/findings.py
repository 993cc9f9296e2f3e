"""What the tables say, in sentences: never more than the intervals and adjusted p-values allow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, Training
from fdp_bench.report.figures.curve_plots import shift_title, short_task
from fdp_bench.report.tables.trainings import DEMOS, SEED, PolicyKey, name_series, tasks_in
from fdp_bench.report.typeset import known, p_value, percent, split_shift

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, Any]

#: Policies that one sentence names; of more, the first and the last of them.
_MOST_NAMED = 5
#: Adjusted p-value from which on nothing is called a difference.
_ALPHA = 0.05


@dataclass(frozen=True)
class Finding:
    """A sentence or two about one shift.

    Attributes:
        where: Task and shift, for instance ``"distractors, level 3"``.
        rates: Success of each policy named: (policy, percent), the highest first.
        verdict: What the comparison of the first two says; empty where nothing was compared.
    """

    where: str
    rates: tuple[tuple[str, str], ...]
    verdict: str


def findings(
    summary: "pandas.DataFrame", comparison: "pandas.DataFrame", trainings: Mapping[PolicyKey, Training]
) -> list[Finding]:
    """One finding for no shift, and one for the highest level of each shift, of each task.

    Policies trained on fewer demonstrations than others of their task are left out: the curves tell of them.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        comparison: As `fdp_bench.report.tables.summary.compare_policies` returns it, of the same records.
        trainings: As `fdp_bench.report.tables.trainings.find_trainings` returns them.
    """
    names = name_series(trainings, tasks_in(summary), pooled=(SEED, DEMOS))
    rows = _best_trained(summary.to_dict("records"))
    pairs = comparison.to_dict("records")
    several = len({row["task"] for row in rows}) > 1
    scenes: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        scenes.setdefault((row["task"], row["shift"]), []).append(row)
    found = []
    for task, shift in _highest(scenes):
        ranked = _ranked(scenes[task, shift], names)
        where = "no shift" if shift == CLEAN else shift_title(shift)
        found.append(
            Finding(
                f"{short_task(task)}, {where}" if several else where,
                tuple((row["series"], _rate(row)) for row in _named(ranked)),
                _verdict(ranked, [pair for pair in pairs if (pair["task"], pair["shift"]) == (task, shift)]),
            )
        )
    return found


def _best_trained(rows: Sequence[Row]) -> list[Row]:
    most: dict[str, float] = {}
    for row in rows:
        if known(row["train_demos"]):
            most[row["task"]] = max(row["train_demos"], most.get(row["task"], 0))
    return [row for row in rows if not known(row["train_demos"]) or row["train_demos"] == most[row["task"]]]


def _ranked(rows: Sequence[Row], names: Mapping[PolicyKey, str]) -> list[Row]:
    """One row a series, the highest rate first; of several training seeds the mean."""
    series: dict[str, list[Row]] = {}
    for row in rows:
        series.setdefault(names[row["policy"], row["checkpoint"]], []).append(row)
    pooled = [
        {**members[0], "series": name, "seeds": len(members)}
        | {"seed_rates": tuple(row["success_rate"] for row in members)}
        | {"success_rate": sum(row["success_rate"] for row in members) / len(members)}
        for name, members in series.items()
    ]
    return sorted(pooled, key=lambda row: -row["success_rate"])


def _highest(scenes: Mapping[tuple[str, str], Sequence[Row]]) -> list[tuple[str, str]]:
    """The scene without a shift and that of each shift's highest severity, of each task."""
    highest: dict[tuple[str, str], tuple[float, str]] = {}
    for (task, shift), rows in scenes.items():
        name, severity = split_shift(shift)[0], rows[0]["severity"]
        if severity >= highest.get((task, name), (-1.0, ""))[0]:
            highest[task, name] = (severity, shift)
    return [(task, shift) for (task, _), (_, shift) in highest.items()]


def _named(ranked: Sequence[Row]) -> Sequence[Row]:
    return ranked if len(ranked) <= _MOST_NAMED else [*ranked[: _MOST_NAMED - 1], ranked[-1]]


def _verdict(ranked: Sequence[Row], pairs: Sequence[Row]) -> str:
    """Compare the first with the second, and where these cannot be told apart, with the last."""
    if len(ranked) < 2:
        return ""
    seeds = max(row["seeds"] for row in ranked)
    if seeds > 1:
        return f"Means over {seeds} training seeds, and their range, which is no interval."
    first, second, last = ranked[0], ranked[1], ranked[-1]
    if ahead := _ahead(first, second, pairs):
        return ahead
    if len(ranked) > 2 and (ahead := _ahead(first, last, pairs)):
        return f"The first two cannot be told apart. {ahead}"
    if not any(_is_pair(pair, first, second) for pair in pairs):
        return ""
    if first["success_rate"] == last["success_rate"]:
        return "No difference between them."
    return "The differences between them are within chance on these episodes."


def _rate(row: Row) -> str:
    """A rate, with the range of its training seeds where there are several."""
    rates = row["seed_rates"]
    span = f" ({percent(min(rates))} to {percent(max(rates))})" if len(rates) > 1 else ""
    return f"{percent(row['success_rate'])}%{span}"


def _ahead(first: Row, second: Row, pairs: Sequence[Row]) -> str:
    """Say by how much one is ahead on the same episodes; empty unless the adjusted test says so."""
    for pair in pairs:
        if not _is_pair(pair, first, second):
            continue
        p = pair["mcnemar_p_holm"]
        if math.isnan(p) or p >= _ALPHA:
            return ""
        sign = 1 if pair["policy_a"] == first["label"] else -1
        ends = sorted(round(100 * sign * pair[name]) for name in ("difference_low", "difference_high"))
        return (
            f"{first['series']} is {round(100 * sign * pair['difference'])} points ahead of {second['series']} on the "
            f"same episodes (95% interval {ends[0]} to {ends[1]}, {_p_text(p)})."
        )
    return ""


def _p_text(p: float) -> str:
    text = p_value(p)
    return f"adjusted p {text[0]} {text[1:]}" if text.startswith("<") else f"adjusted p = {text}"


def _is_pair(pair: Row, first: Row, second: Row) -> bool:
    return {pair["policy_a"], pair["policy_b"]} == {first["label"], second["label"]}

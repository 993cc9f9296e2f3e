"""What other training seeds would give: aggregates over seeds, with (task, shift) as strata."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fdp_bench.api import CLEAN
from fdp_bench.report.tables.curves import Trainings
from fdp_bench.report.tables.trainings import name_series, tasks_in
from fdp_bench.report.typeset import EMPTY, Column, Layout, percent, signed, typeset
from fdp_bench.stats import MIN_SEEDS, SeedEstimate, bootstrap_seeds, probability_of_improvement

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas

SEED_COLUMNS = ("policy", "against", "measure", "seeds", "strata", "value", "low", "high")
#: What a series was trained on, by task; its strata, (task, shift); success rates of shape (seeds, strata).
_Scores = tuple[frozenset[tuple[str, int | None]], tuple[tuple[str, str], ...], "npt.NDArray[np.float64]"]
#: Values of ``measure``.
MEAN, IQM = "mean", "interquartile mean"
DIFFERENCE, IMPROVEMENT = "difference of means", "probability of improvement"


def seed_table(summary: "pandas.DataFrame", trainings: Trainings) -> "pandas.DataFrame":
    """Mean and interquartile mean of success under all shifts, and how likely one policy's training beats another's.

    Args:
        summary: As `fdp_bench.report.tables.summary.summarize` returns it.
        trainings: As `fdp_bench.report.tables.trainings.find_trainings` returns them.

    Returns:
        Table with `SEED_COLUMNS`; intervals cover other training seeds. `DIFFERENCE` is the policy's mean minus the
        other's, in [-1, 1]. Policies with fewer than
        `fdp_bench.stats.MIN_SEEDS` seeds, or whose seeds were not run under the same shifts, have no row, and
        policies are held against each other where they share shifts and number of demonstrations.
    """
    import pandas

    scores = _scores(summary, trainings)
    rows: list[dict[str, Any]] = []
    for name, (_, strata, matrix) in scores.items():
        tasks = [task for task, _ in strata]
        for measure, statistic in ((MEAN, "mean"), (IQM, "iqm")):
            found = bootstrap_seeds(matrix, statistic, trainings=tasks, rng=np.random.default_rng(0))  # type: ignore[arg-type]
            rows.append({"policy": name, "against": "", "measure": measure} | _columns(found))
    for (one, (sizes, strata, first)), (other, (their_sizes, their_strata, second)) in combinations(
        scores.items(), 2
    ):
        if sizes == their_sizes and strata == their_strata:
            rows.append(
                {"policy": one, "against": other, "measure": DIFFERENCE} | _difference(first, second, strata)
            )
            found = probability_of_improvement(first, second, trainings=[task for task, _ in strata])
            rows.append({"policy": one, "against": other, "measure": IMPROVEMENT} | _columns(found))
    return pandas.DataFrame(rows, columns=list(SEED_COLUMNS))


def seed_layout(table: "pandas.DataFrame") -> Layout:
    """Typeset the aggregates."""
    columns = (
        Column("policy", lambda row: str(row["policy"]), numeric=False),
        Column("against", lambda row: str(row["against"]) or EMPTY, numeric=False),
        Column("measure", lambda row: str(row["measure"]), numeric=False),
        Column("seeds", lambda row: str(row["seeds"])),
        Column("strata", lambda row: str(row["strata"])),
        Column("% [95%]", _value),
    )
    notes = (
        "Over all shifted cells (strata), with training seeds as runs: the intervals say what other seeds would give "
        "(fdp_bench.stats.bootstrap_seeds). Difference of means: of the policy minus the other, in points, over pairs "
        "of their trainings in the order of the seeds. Probability of improvement: chance that a training of the "
        "policy succeeds more often than one of the other, a tie for half.",
    )
    return typeset("Over training seeds", columns, table.to_dict("records"), notes)


def _scores(summary: "pandas.DataFrame", trainings: Trainings) -> dict[str, _Scores]:
    """Series -> its demonstrations, strata and success rates; each task has trainings of its own."""
    names = name_series(trainings, tasks_in(summary))
    rates: dict[str, dict[int, dict[tuple[str, str], float]]] = {}
    sizes: dict[str, set[tuple[str, int | None]]] = {}
    for row in summary.to_dict("records"):
        key = (row["policy"], row["checkpoint"])
        training = trainings[key]
        if row["shift"] != CLEAN and training.seed is not None:
            of_seed = rates.setdefault(names[key], {}).setdefault(training.seed, {})
            of_seed[row["task"], row["shift"]] = row["success_rate"]
            sizes.setdefault(names[key], set()).add((row["task"], training.demos))
    found = {}
    for series, by_seed in rates.items():
        strata = sorted(next(iter(by_seed.values())))
        if len(by_seed) >= MIN_SEEDS and all(sorted(of_seed) == strata for of_seed in by_seed.values()):
            matrix = np.array([[of_seed[stratum] for stratum in strata] for of_seed in by_seed.values()])
            found[series] = (frozenset(sizes[series]), tuple(strata), matrix)
    return found


def _columns(found: SeedEstimate) -> dict[str, Any]:
    low, high = found.interval
    return {"seeds": found.n_seeds, "strata": found.n_strata, "value": found.value, "low": low, "high": high}


def _difference(
    first: "npt.NDArray[np.float64]", second: "npt.NDArray[np.float64]", strata: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Mean of the first minus the second, each of shape (seeds, strata), over the seeds that both have."""
    pairs = min(len(first), len(second))
    # Differences lie in [-1, 1], and the bootstrap takes what lies in [0, 1].
    halves = (first[:pairs] - second[:pairs] + 1) / 2
    found = _columns(
        bootstrap_seeds(halves, trainings=[task for task, _ in strata], rng=np.random.default_rng(0))
    )
    return found | {name: 2 * found[name] - 1 for name in ("value", "low", "high")}


def _value(row: Mapping[str, Any]) -> str:
    if row["measure"] == DIFFERENCE:
        return signed({"value": row["value"], "value_low": row["low"], "value_high": row["high"]}, "value")
    return f"{percent(row['value'])} [{percent(row['low'])}, {percent(row['high'])}]"

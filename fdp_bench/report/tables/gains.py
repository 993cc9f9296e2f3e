"""What a policy with a base gains under a shift over one without, beside what the base does alone."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, EpisodeRecord
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.bases import find_bases
from fdp_bench.report.tables.summary import EpisodeKey, by_arm
from fdp_bench.report.tables.trainings import (
    DEMOS,
    SEED,
    PolicyKey,
    are_compared,
    find_trainings,
    name_series,
    tasks_of,
)

if TYPE_CHECKING:
    import pandas

GAIN_COLUMNS = (
    "task",
    "shift",
    "severity",
    "policy",
    "against",
    "train_demos",
    "train_seed",
    "pairs",
    "base_clean_rate",
    "rate",
    "against_rate",
    "gain",
)
#: Columns that name a point, whose training seeds have a row each.
POINT = ("task", "shift", "severity", "policy", "against", "train_demos")

#: Episode -> its record.
_Episodes = Mapping[EpisodeKey, EpisodeRecord]


def gain_table(runs: Runs) -> "pandas.DataFrame":
    """Shifted success of each policy whose base was run, minus that of each policy that builds on none.

    Both were trained on as many demonstrations from the same seed and run on the same episodes; who is compared is for
    `fdp_bench.report.tables.trainings.are_compared` to say.

    Args:
        runs: What is reported.

    Returns:
        Table with `GAIN_COLUMNS`, a row for each training seed; ``gain`` is ``rate`` minus ``against_rate``,
        ``base_clean_rate`` the base's success without a shift on its own episodes; fractions. Empty where nothing is to
        be compared, or the base was not run.
    """
    import pandas

    arms, trainings, bases = by_arm(runs.records), find_trainings(runs.records), find_bases(runs)
    names = name_series(trainings, tasks_of(runs.records), pooled=(SEED, DEMOS))
    serve = {(task, base.key) for (task, _), base in bases.items()}
    rows: list[dict[str, Any]] = []
    for (task, *own, shift, severity), episodes in arms.items():
        key: PolicyKey = (own[0], own[1])
        base = bases.get((task, key))
        if shift == CLEAN or base is None or base.key is None:
            continue
        clean = arms.get((task, *base.key, CLEAN, 0.0), {})
        for other in trainings:
            theirs = arms.get((task, *other, shift, severity), {})
            builds_on_none = (task, other) not in bases and (task, other) not in serve
            if not (clean and builds_on_none and are_compared(key, other, trainings)):
                continue
            common = [episode for episode in episodes if episode in theirs]
            if not common or trainings[other].demos is None:
                continue
            rate, against = (
                _rate({episode: arm[episode] for episode in common}) for arm in (episodes, theirs)
            )
            rows.append(
                {"task": task, "shift": shift, "severity": severity}
                | {"policy": names[key], "against": names[other]}
                | {"train_demos": _or_nan(trainings[key].demos), "train_seed": _or_nan(trainings[key].seed)}
                | {"pairs": len(common), "base_clean_rate": _rate(clean)}
                | {"rate": rate, "against_rate": against, "gain": rate - against}
            )
    return pandas.DataFrame(rows, columns=list(GAIN_COLUMNS))


def _rate(episodes: _Episodes) -> float:
    return sum(record.status == "ok" and record.success_once for record in episodes.values()) / len(episodes)


def _or_nan(value: int | None) -> float:
    return math.nan if value is None else value

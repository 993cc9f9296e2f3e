"""Episode records become tables: one row an arm, and one row a pair of policies under the same shift.

Rates and differences are fractions; percentages belong to whoever prints them.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, EpisodeRecord
from fdp_bench.report.names import BATCH, PROBE, recipe_of
from fdp_bench.report.tables.trainings import are_compared, find_trainings, name_policies, tasks_of
from fdp_bench.stats import (
    PairedCounts,
    count_pairs,
    exact_mcnemar,
    holm,
    paired_difference_interval,
    wilson_interval,
)

if TYPE_CHECKING:
    import pandas

#: Columns of `summarize`, in order.
SUMMARY_COLUMNS = (
    "task",
    "policy",
    "checkpoint",
    "label",
    "train_demos",
    "train_seed",
    "variant",
    "shift",
    "severity",
    "episodes",
    "errors",
    "successes",
    "success_rate",
    "success_low",
    "success_high",
    "success_held_rate",
    "pairs",
    "clean_rate",
    "paired_drop",
    "paired_drop_low",
    "paired_drop_high",
    "mcnemar_p",
    "mcnemar_p_holm",
    "inference_p50_ms",
    "inference_p95_ms",
    "inference_source",
    "fallback_share",
    "fallback_episodes",
)
#: Columns of `compare_policies`, in order.
COMPARISON_COLUMNS = (
    "task",
    "shift",
    "severity",
    "policy_a",
    "policy_b",
    "pairs",
    "rate_a",
    "rate_b",
    "difference",
    "difference_low",
    "difference_high",
    "mcnemar_p",
    "mcnemar_p_holm",
)


#: (task, policy, checkpoint, shift, severity): two trainings of one policy are two arms.
Arm = tuple[str, str, str, str, float]
#: (task, policy string) -> wall times, milliseconds: a policy may have other senses and weights on another task.
Latencies = Mapping[tuple[str, str], Sequence[float]]
#: (run seed, noise seed, index): episodes with equal keys share their random streams over all arms.
EpisodeKey = tuple[int, int, int]


def summarize(records: Sequence[EpisodeRecord], latency_ms: Latencies | None = None) -> "pandas.DataFrame":
    """One row an arm, sorted by task, shift (clean first), severity and policy.

    Args:
        records: Episodes of one or more runs, each once. An error counts as a failure, whatever else its
            record says.
        latency_ms: (task, policy string) -> wall times of one `act` on one episode, in milliseconds, as a probe
            measured them (`fdp_bench.report.runs.probed_latencies`). For policies left out, the records' own
            latencies are used: what each batch waited. ``inference_source`` says which, `PROBE` or `BATCH`.

    Returns:
        Table with `SUMMARY_COLUMNS`. ``label`` names the policy as `name_policies` does; ``train_demos`` and
        ``train_seed`` are nan where nobody knows, ``variant`` names training settings that are not the recipe's.
        Rates lie in [0, 1]. Of a shifted arm, ``clean_rate`` is the success rate of its clean twins and
        ``paired_drop`` that rate minus the shifted one, both over the ``pairs`` episodes that were run both ways: a
        positive drop means that the shift costs success. On clean rows these are nan, as are the p-values;
        ``mcnemar_p_holm`` is adjusted over all shifted rows. The ``_low`` and ``_high`` ends are 95% intervals,
        Wilson's for rates and Newcombe's for drops. ``fallback_share`` is the share of an episode's decisions that a
        policy left to its fallback, mean over episodes, and ``fallback_episodes`` the share of episodes with any such
        decision; both nan for a policy without a fallback.

    Raises:
        ValueError: If an episode occurs twice.
    """
    import pandas

    arms, trainings = by_arm(records), find_trainings(records)
    labels = name_policies(trainings, tasks_of(records))
    rows = [
        {"label": labels[arm[1:3]], "variant": trainings[arm[1:3]].variant}
        | {"train_demos": trainings[arm[1:3]].demos, "train_seed": trainings[arm[1:3]].seed}
        | _summary_row(arm, episodes, arms, latency_ms or {})
        for arm, episodes in arms.items()
    ]
    table = pandas.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    for name in ("train_demos", "train_seed"):
        if not table[name].isna().any():
            table[name] = table[name].astype(int)
    table["mcnemar_p_holm"] = holm(table["mcnemar_p"].tolist())
    return table


def compare_policies(records: Sequence[EpisodeRecord]) -> "pandas.DataFrame":
    """Every pair of policies under the same task and shift, on the episodes that both have run.

    Args:
        records: Episodes of one or more runs, each once; errors count as failures. Which policies are
            compared is for `fdp_bench.report.tables.trainings.are_compared` to say.

    Returns:
        Table with `COMPARISON_COLUMNS`; ``difference`` is ``rate_a`` minus ``rate_b``, with its 95% interval,
        and ``mcnemar_p_holm`` is adjusted over the whole table. Policies are named by `name_policies`. Pairs
        without a common episode are left out.

    Raises:
        ValueError: If an episode occurs twice.
    """
    import pandas

    arms, trainings = by_arm(records), find_trainings(records)
    labels = name_policies(trainings, tasks_of(records))
    scenes: dict[tuple[str, str, float], list[Arm]] = {}
    for arm in arms:
        task, _, _, shift, severity = arm
        scenes.setdefault((task, shift, severity), []).append(arm)
    rows = []
    for (task, shift, severity), members in scenes.items():
        for first, second in combinations(members, 2):
            if not are_compared(first[1:3], second[1:3], trainings):
                continue
            counts = _paired_counts(arms[first], arms[second])
            if counts.pairs == 0:
                continue
            row = {"task": task, "shift": shift, "severity": severity}
            row |= {"policy_a": labels[first[1:3]], "policy_b": labels[second[1:3]]}
            row |= {"rate_a": (counts.both + counts.only_first) / counts.pairs}
            row |= {"rate_b": (counts.both + counts.only_second) / counts.pairs}
            rows.append(row | _difference_columns(counts, "difference"))
    table = pandas.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    table["mcnemar_p_holm"] = holm(table["mcnemar_p"].tolist())
    return table


def by_arm(records: Sequence[EpisodeRecord]) -> dict[Arm, dict[EpisodeKey, EpisodeRecord]]:
    """Group the episodes of each arm by their shared random streams, arms in the order of the tables."""
    arms: dict[Arm, dict[EpisodeKey, EpisodeRecord]] = {}
    for record in records:
        spec = record.spec
        arm = (spec.task, spec.policy, spec.checkpoint, spec.shift, spec.severity)
        episodes = arms.setdefault(arm, {})
        key = (spec.run_seed, spec.noise_seed, spec.index)
        if key in episodes:
            raise ValueError(
                f"episode {spec.id} (index {spec.index} of {spec.policy}, {spec.shift}) occurs twice"
            )
        episodes[key] = record

    trainings = find_trainings(records)

    def table_order(arm: Arm) -> tuple[object, ...]:
        task, policy, checkpoint, shift, severity = arm
        training = trainings[policy, checkpoint]
        trained = (recipe_of(policy), training.variant, training.demos or 0, training.seed or 0)
        return (task, shift != CLEAN, shift.split("@")[0], severity, shift, *trained, policy, checkpoint)

    return {arm: arms[arm] for arm in sorted(arms, key=table_order)}


def _summary_row(
    arm: Arm,
    episodes: Mapping[EpisodeKey, EpisodeRecord],
    arms: Mapping[Arm, Mapping[EpisodeKey, EpisodeRecord]],
    latency_ms: Latencies,
) -> dict[str, Any]:
    import numpy as np

    task, policy, checkpoint, shift, severity = arm
    trials = len(episodes)
    successes = sum(record.succeeded for record in episodes.values())
    low, high = wilson_interval(successes, trials)
    held = sum(record.status == "ok" and record.success_held for record in episodes.values())
    probed = latency_ms.get((task, policy))
    shares = [record.fallback_share for record in episodes.values() if record.fallback_share is not None]
    latencies = probed or [value for record in episodes.values() for value in record.latency_ms]
    row: dict[str, Any] = {
        "task": task,
        "policy": policy,
        "checkpoint": checkpoint,
        "shift": shift,
        "severity": severity,
        "episodes": trials,
        "errors": sum(record.status != "ok" for record in episodes.values()),
        "successes": successes,
        "success_rate": successes / trials,
        "success_low": low,
        "success_high": high,
        "success_held_rate": held / trials,
        "inference_p50_ms": float(np.percentile(latencies, 50)) if latencies else math.nan,
        "inference_p95_ms": float(np.percentile(latencies, 95)) if latencies else math.nan,
        "inference_source": (PROBE if probed else BATCH) if latencies else "",
        "fallback_share": float(np.mean(shares)) if shares else math.nan,
        "fallback_episodes": float(np.mean([share > 0 for share in shares])) if shares else math.nan,
    }
    if shift == CLEAN:
        return row | {"pairs": 0, "clean_rate": math.nan, "mcnemar_p": math.nan}
    counts = _paired_counts(arms.get((task, policy, checkpoint, CLEAN, 0.0), {}), episodes)
    clean_successes = counts.both + counts.only_first
    row["clean_rate"] = clean_successes / counts.pairs if counts.pairs else math.nan
    return row | _difference_columns(counts, "paired_drop")


def _difference_columns(counts: PairedCounts, name: str) -> dict[str, Any]:
    if counts.pairs == 0:
        return {"pairs": 0, "mcnemar_p": math.nan}
    low, high = paired_difference_interval(counts)
    return {
        "pairs": counts.pairs,
        name: counts.difference,
        f"{name}_low": low,
        f"{name}_high": high,
        "mcnemar_p": exact_mcnemar(counts),
    }


def _paired_counts(
    first: Mapping[EpisodeKey, EpisodeRecord], second: Mapping[EpisodeKey, EpisodeRecord]
) -> PairedCounts:
    """Counts over the episodes that both arms have."""
    common = [key for key in first if key in second]
    return count_pairs([first[key].succeeded for key in common], [second[key].succeeded for key in common])

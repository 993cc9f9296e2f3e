"""What ``fdp-bench run`` says under its table: what was retested, what was decided, and what went wrong."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fdp_bench.cli.main import one_line

if TYPE_CHECKING:
    from fdp_bench.api.episode import EpisodeRecord
    from fdp_bench.records.store import RunStore
    from fdp_bench.runner.retest import Retest

_FIRST_SHOWN = 5
_REASONS_SHOWN = 5


def retest_text(retest: "Retest", pairs: int) -> str:
    """The noise floor in words.

    Args:
        retest: What running episodes again showed.
        pairs: Episodes of the smallest arm, over which two arms would be compared.
    """
    from fdp_bench.report.typeset import counted

    repeat, floor = retest.repeat, retest.floor
    agree = repeat.episodes - len(repeat.disagreeing)
    lines = [
        f"retest, same noise: {agree} of {counted(repeat.episodes, 'episode')} came out equal"
        + ("" if repeat.agrees else "; THE REST DID NOT: the run does not repeat, see below")
    ]
    if floor is not None:
        low, high = (100 * end for end in floor.interval)
        by_arm = "; ".join(
            f"{arm.policy}, {arm.shift} {arm.floor.flipped}/{arm.floor.episodes}" for arm in retest.arms
        )
        lines.append(
            f"retest, fresh noise (the noise floor): {floor.flipped} of {floor.episodes} episodes flipped, "
            f"{100 * floor.rate:.0f}% [{low:.0f}, {high:.0f}]: {by_arm}"
        )
        reach = floor.smallest_difference(pairs)
        # Not a number where even the largest difference would not be rare.
        if reach == reach:
            lines.append(
                f"A policy run twice over {counted(pairs, 'episode')} differs from itself by {100 * reach:.0f} points "
                "or more in at most 1 of 20 cases (taking the upper end of the floor)."
            )
    return "\n".join(lines)


def shout_differences(store: "RunStore", retest: "Retest") -> None:
    """Say on standard error which episodes did not repeat."""
    names = [f"{spec.policy}, {spec.shift}, episode {spec.index}" for spec in retest.differing]
    more = "" if len(names) <= _FIRST_SHOWN else f" and {len(names) - _FIRST_SHOWN} more"
    print(
        f"RETEST FAILED: {len(names)} of {retest.repeat.episodes} episodes, run again with the same random streams, "
        f"came out differently: {'; '.join(names[:_FIRST_SHOWN])}{more}. A policy, shift or task keeps state between "
        "episodes or draws random numbers of its own, so no number of this run can be trusted. Compare "
        f"{store.retest_path} with {store.episodes_path}",
        file=sys.stderr,
    )


def shard_text(store: "RunStore") -> str:
    """That a run is one of several parts of another; empty for a whole run."""
    from fdp_bench.records.shards import partial_shards

    return "\n".join(partial_shards([store.path], [store.manifest()]))


def decisions_text(store: "RunStore") -> str:
    """The table of a run that stops when decided, and what its numbers mean; empty for any other run."""
    from fdp_bench.report.text.terminal import plain_text
    from fdp_bench.report.typeset import Layout, counted

    manifest = store.manifest()
    rows = list(manifest.comparisons)
    if not rows:
        return ""
    first, second, alpha = str(rows[0]["first"]), str(rows[0]["second"]), float(rows[0]["alpha"])
    in_vain = len(store.all_records(manifest)) - len(store.records())
    total = len(rows) * alpha
    headers = ("shift", "better", "pairs", "only A", "only B", "e-value", "p", "A - B pp [at any stop]")
    layout = Layout(
        title=f"A = {first} against B = {second}, stopped when decided",
        headers=headers,
        numeric=(False, False, *[True] * (len(headers) - 2)),
        rows=tuple(_decision_row(row) for row in rows),
        notes=(
            f"A shift is decided when its e-value reaches {1 / alpha:.4g}, at any number of pairs, looked at after "
            "each: equal policies are called different anywhere in this table with a chance of at most "
            f"{total:.2g}. p: anytime-valid; A - B: confidence sequence, valid at any stop.",
            "Pairs count in the order of their episodes, so more workers give the same table. "
            f"{counted(in_vain, 'episode')} under way when a shift was decided: kept in {store.episodes_path.name}, "
            "counted nowhere.",
            "Stopping when decided favours the better policy's rate: the rates, intervals and p-values of the table "
            "above do not allow for it, those of this table do.",
        ),
    )
    return plain_text(layout)


def _decision_row(row: Any) -> tuple[str, ...]:
    from fdp_bench.report.typeset import p_value

    better = {"first": "A", "second": "B"}.get(row["winner"], "undecided")
    shown = (100 * value for value in (_difference(row), row["difference_low"], row["difference_high"]))
    difference, low, high = (f"{value:+.0f}" if round(value) else "0" for value in shown)
    return (
        str(row["shift"]),
        better,
        str(row["pairs"]),
        str(row["only_first"]),
        str(row["only_second"]),
        f"{row['e_value']:.3g}",
        p_value(row["p_value"]),
        f"{difference} [{low}, {high}]",
    )


def _difference(row: Any) -> float:
    return (row["only_first"] - row["only_second"]) / row["pairs"] if row["pairs"] else 0.0


def errors_text(store: "RunStore", errors: "Sequence[EpisodeRecord]", total: int) -> str:
    """How many episodes ended in an error, the most frequent reasons, and what to do; empty where none did."""
    if not errors:
        return ""
    from fdp_bench.records.store import resume_command

    reasons = Counter(record.error for record in errors).most_common()
    lines = [f"{len(errors)} of {total} episodes ended in an error and count as failures:"]
    for reason, count in reasons[:_REASONS_SHOWN]:
        first = next(record.spec for record in errors if record.error == reason)
        where = f"first: {first.policy}, {first.shift}, episode {first.index}"
        lines.append(f"  {count} x {one_line(reason)} ({where})")
        raised = next((record.traceback for record in errors if record.error == reason), "")
        lines += [f"    {one_line(line)}" for line in raised.splitlines()]
    if len(reasons) > _REASONS_SHOWN:
        lines.append(f"  and {len(reasons) - _REASONS_SHOWN} further reasons")
    lines.append(
        f"all, with what their processes said: {store.episodes_path}; once the cause is corrected, run them again "
        f"with: {resume_command(store.path)} --retry-errors"
    )
    return "\n".join(lines)


def incidents_text(store: "RunStore") -> str:
    """Which processes of the run's last start were replaced, and why; empty where none was."""
    from fdp_bench.records.store import MANIFEST_NAME

    invocations = store.manifest().invocations
    incidents = invocations[-1].get("incidents", ()) if invocations else ()
    if not incidents:
        return ""
    reasons = Counter(str(incident["reason"]) for incident in incidents).most_common()
    lines = [f"{len(incidents)} {'process was' if len(incidents) == 1 else 'processes were'} replaced:"]
    lines += [f"  {count} x {one_line(reason)}" for reason, count in reasons[:_REASONS_SHOWN]]
    if len(reasons) > _REASONS_SHOWN:
        lines.append(
            f"  and {len(reasons) - _REASONS_SHOWN} further reasons, in {store.path / MANIFEST_NAME}"
        )
    return "\n".join(lines)

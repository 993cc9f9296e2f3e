"""How many action components were cut to the task's bounds, and what a table says of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fdp_bench.api import EpisodeRecord

#: Share of cut components above which a table names the policy: actions in other units are cut in most of them.
NOTED_SHARE = 0.01


def share_cut(records: Iterable[EpisodeRecord]) -> float:
    """Share of the executed action components that were cut, over records that counted them; nan where none did."""
    counted = [(record.actions_cut, record.steps) for record in records if record.actions_cut is not None]
    steps = sum(taken for _, taken in counted)
    return sum(share * taken for share, taken in counted) / steps if steps else math.nan


def cut_notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence that names the policies of a summary with more than `NOTED_SHARE` cut; none where there are none.

    Args:
        rows: Rows of one task, as `fdp_bench.report.tables.summary.summarize` makes them.
    """
    shares: dict[str, float] = {}
    for row in rows:
        if row["actions_cut"] > NOTED_SHARE:
            shares[row["label"]] = max(row["actions_cut"], shares.get(row["label"], 0.0))
    if not shares:
        return []
    named = ", ".join(f"{label} {_percent(share)}" for label, share in shares.items())
    return [
        "Actions cut to the task's bounds, share of all components, at most: "
        f"{named}. A policy that acts in other units than the task's is cut like this."
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.0995 else f"{100 * share:.1f}%"

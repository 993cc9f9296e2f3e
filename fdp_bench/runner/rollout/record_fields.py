"""What a record says of an episode beside its success: receipts, figures, and that the record can be read again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.api.errors import UnsupportedShiftError
from fdp_bench.api.shift import Shift
from fdp_bench.api.validation import parse_json
from fdp_bench.runner.rollout.batched_policy import Actions
from fdp_bench.runner.rollout.plugin_calls import told

#: How far beyond [-1, 1] a component may lie by rounding, where bounds were scaled.
_ROUNDING = 1e-5
#: What a record raises that is no plain JSON, or not the JSON of a record.
_UNREADABLE = (TypeError, ValueError, RecursionError)


def combined_receipt(shift: str, shifts: Sequence[Shift]) -> dict[str, Any]:
    """The receipt of an episode: a single shift's own, or the whole with its parts, innermost first.

    Raises:
        UnsupportedShiftError: If a shift says that it could not act.
    """
    receipts = [part.receipt() for part in shifts]
    for receipt in receipts:
        if receipt.status == "unsupported":
            raise UnsupportedShiftError(
                f"shift {receipt.shift!r} cannot act on this task: {dict(receipt.parameters)}"
            )
    if len(receipts) == 1:
        return receipts[0].to_json()
    parts = [receipt.to_json() for receipt in receipts]
    return {"shift": shift, "status": "applied", "parts": parts} if parts else {}


def components_beyond(actions: Actions) -> int:
    """Number of action components outside [-1, 1], rounding aside: what is cut before an environment is given them."""
    return int(np.count_nonzero(np.abs(actions) > 1.0 + _ROUNDING))


def action_jerk(actions: Sequence[Actions]) -> float:
    """Root mean square of the second difference of an episode's actions.

    Args:
        actions: The executed actions, each of shape (A,).

    Returns:
        The figure, >= 0, in units of action a squared control step; 0.0 for fewer than three actions.
    """
    if len(actions) < 3:
        return 0.0
    second_difference = np.diff(np.stack(actions).astype(np.float64), n=2, axis=0)
    return float(np.sqrt(np.mean(second_difference**2)))


def readable(record: EpisodeRecord) -> EpisodeRecord:
    """The record as it will be read from its file; where a plugin's part of it could not be, an error in its place.

    A line that can be written and not read would take the whole run with it.
    """
    try:
        return _read_back(record)
    except _UNREADABLE as error:
        fault = error
    try:
        _read_back(replace(record, receipt={}))
        whose = f"shift {record.spec.shift!r}: its receipt"
    except _UNREADABLE:
        whose = f"task {record.spec.task!r}: its safety figures"
    return replace(
        record,
        status="error",
        success_once=False,
        success_held=False,
        safety={},
        receipt={},
        error=f"{whose} cannot be recorded: {told(fault)}",
    )


def _read_back(record: EpisodeRecord) -> EpisodeRecord:
    return EpisodeRecord.from_json(parse_json(json.dumps(record.to_json(), allow_nan=False)))

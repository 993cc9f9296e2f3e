"""What shifts did to the pictures, as the receipts of the episodes tell it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fdp_bench.api import IMAGE_PREFIX, EpisodeRecord
from fdp_bench.report.cells import number_cell, percent_cell, severity_cell
from fdp_bench.report.names import EMPTY, split_shift
from fdp_bench.report.typeset import Column, Layout, typeset

if TYPE_CHECKING:
    import pandas

EFFECT_COLUMNS = (
    "task",
    "shift",
    "severity",
    "camera",
    "episodes",
    "pixel_change",
    "target_hidden",
    "gripper_hidden",
)
#: Entry of a receipt -> whether it is a share.
_MEASURES = ("pixel_change", "target_hidden", "gripper_hidden")


def effect_table(records: Sequence[EpisodeRecord]) -> "pandas.DataFrame":
    """Mean effect of each shift on each camera's first frame, each episode counted once, whatever the policy.

    Args:
        records: Episodes; clean ones are passed over.

    Returns:
        Table with `EFFECT_COLUMNS`: ``pixel_change`` is the mean absolute change, of 255; ``target_hidden`` and
        ``gripper_hidden`` are shares of their pixels in [0, 1], nan where nobody measured them.
    """
    import pandas

    seen: dict[tuple[str, str, float], dict[tuple[int, int], Mapping[str, Any]]] = {}
    for record in records:
        spec = record.spec
        for receipt in record.receipt.get("parts", [record.receipt]):
            if not receipt.get("pixel_change"):
                continue
            shift = spec.shift if receipt is record.receipt else f"{receipt['shift']} within {spec.shift}"
            scene = (spec.task, shift, spec.severity)
            seen.setdefault(scene, {}).setdefault((spec.run_seed, spec.index), receipt)
    rows = [
        {"task": task, "shift": shift, "severity": severity, "camera": camera, "episodes": len(receipts)}
        | {measure: _mean(receipts.values(), measure, camera) for measure in _MEASURES}
        for (task, shift, severity), receipts in sorted(seen.items())
        for camera in next(iter(receipts.values()))["pixel_change"]
    ]
    return pandas.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def effect_layouts(table: "pandas.DataFrame") -> list[Layout]:
    """Typeset the effects, one table a task."""
    columns = (
        Column("shift", lambda row: split_shift(row["shift"])[0], numeric=False),
        Column("sev", severity_cell),
        Column("camera", lambda row: str(row["camera"]).removeprefix(IMAGE_PREFIX), numeric=False),
        Column("n", lambda row: number_cell(row["episodes"])),
        Column("pixel change", lambda row: number_cell(row["pixel_change"], ".1f")),
        Column("target hidden %", lambda row: percent_cell(row["target_hidden"])),
        Column("gripper hidden %", lambda row: percent_cell(row["gripper_hidden"])),
    )
    notes = (
        "Measured on the first frame of each of the n episodes: mean absolute change of the pixels against the "
        f"clean frame, of 255; share of the target's and the gripper's pixels that were covered ({EMPTY}: not "
        "measured).",
    )
    rows = table.to_dict("records")
    return [
        typeset(f"{task}: what the shifts did", columns, [row for row in rows if row["task"] == task], notes)
        for task in dict.fromkeys(row["task"] for row in rows)
    ]


def _mean(receipts: Any, measure: str, camera: str) -> float:
    values = [
        float(receipt[measure][camera])
        for receipt in receipts
        if camera in (receipt.get(measure) or {}) and receipt[measure][camera] is not None
    ]
    return sum(values) / len(values) if values else math.nan

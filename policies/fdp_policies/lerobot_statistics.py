"""Whether a LeRobot folder's normalizers hold the statistics that its policy needs.

LeRobot's normalizer hands on as it is what it has no statistics for. A policy whose statistics have other names then
reads and gives numbers of other units, and nothing fails.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fdp_bench.api import CheckpointError
from fdp_policies.header import read_header

#: Statistics that each of LeRobot's modes takes.
_NEEDED = {
    "MEAN_STD": ("mean", "std"),
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
}
_IDENTITY = "IDENTITY"
_MOST_NAMED = 8


def check_statistics(
    path: Path, steps: Sequence[Mapping[str, Any]], kind: str, config: Mapping[str, Any], features: str
) -> None:
    """Hold a processor's normalizer against the policy's features.

    Args:
        path: The processor's JSON file.
        steps: Its steps.
        kind: Registered name of the step that normalizes, or of the one that undoes it.
        config: The policy's config.json.
        features: Which of its features the step is for, ``"input_features"`` or ``"output_features"``.

    Raises:
        CheckpointError: Names each feature without statistics, and those that are there.
    """
    step = next((step for step in steps if step.get("registry_name") == kind), None)
    settings = _mapping(step.get("config")) if step else {}
    modes = _mapping(settings.get("norm_map")) or _mapping(config.get("normalization_mapping"))
    held = _statistics(path.parent, step)
    known = _mapping(settings.get("features"))
    lacking = []
    for key, feature in _mapping(config.get(features)).items():
        mode = modes.get(str(_mapping(feature).get("type")), _IDENTITY)
        if mode == _IDENTITY:
            continue
        if mode not in _NEEDED:
            raise CheckpointError(
                f"{path} normalizes {key!r} by {str(mode)[:40]!r}; {', '.join(_NEEDED)} are known"
            )
        missing = [name for name in _NEEDED[mode] if name not in held.get(key, ())]
        if missing or key not in known:
            lacking.append(f"{key!r} ({' and '.join(missing) or 'none of its features'})")
    if lacking:
        names = list(held)
        shown = ", ".join(map(repr, names[:_MOST_NAMED])) + (" ..." if len(names) > _MOST_NAMED else "")
        raise CheckpointError(
            f"{path}: its {kind} has no statistics for {', '.join(lacking)}, so LeRobot would hand these numbers on in "
            f"other units; it has some for {shown or 'nothing'}: save the policy again with its dataset's statistics"
        )


def _statistics(folder: Path, step: Mapping[str, Any] | None) -> dict[str, set[str]]:
    """Feature -> names of the statistics that a step's state file holds of it."""
    held: dict[str, set[str]] = {}
    if step is not None and step.get("state_file"):
        for name in read_header(folder / step["state_file"]):
            key, _, statistic = name.rpartition(".")
            held.setdefault(key, set()).add(statistic)
    return held


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

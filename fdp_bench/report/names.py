"""How the report names tasks, shifts, trainings and columns: the names that its tables, figures and files share."""

import re

from fdp_bench.api import CLEAN, LEVELS
from fdp_bench.api.episode import bare_policy

#: Shown where a row has no such value.
EMPTY = "-"
#: Letters of a file's name that stand for a shift.
_LONGEST_SLUG = 120
#: Where a row's latency comes from: single decisions before the run, or what the run's batches waited.
PROBE, BATCH = "probe", "batch"


def split_shift(shift: str) -> tuple[str, str]:
    """Split a canonical shift string into its name with options and its severity as shown.

    Returns:
        For instance ``("occlusion?kind=camera", "3")``, ``("occlusion+color", "3+2")``, ``("clean", "-")``.
    """
    if shift == CLEAN:
        return CLEAN, EMPTY
    return re.sub(r"@[0-9.e-]+", "", shift), "+".join(re.findall(r"@([0-9.e-]+)", shift))


def severity_text(severity: float) -> str:
    """A severity as people write it: ``"level 3"``, ``"severity 0.5"``, ``"clean"``."""
    if severity == 0.0:
        return CLEAN
    level = severity * LEVELS
    return f"level {level:.0f}" if abs(level - round(level)) < 1e-9 else f"severity {severity:g}"


def shift_title(shift: str) -> str:
    """A shift string as people read it: ``"occlusion, level 3"``."""
    name, severity = split_shift(shift)
    return name if shift == CLEAN else f"{name}, level {severity}"


def short_task(task: str) -> str:
    """A task without its namespace: ``"Lift-v1"``."""
    return task.rpartition("/")[2]


def shift_slug(shift: str) -> str:
    """A shift's name with options as part of a file name, for instance ``"occlusion-kind-camera"``."""
    return re.sub(r"[^a-z0-9._]+", "-", shift.lower().replace("+", "-and-")).strip("-.")[:_LONGEST_SLUG]


def recipe_of(policy: str) -> str:
    """A policy string without its checkpoint: equal for all trainings of one kind of policy."""
    return bare_policy(policy)

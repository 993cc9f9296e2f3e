"""A shift's severities around one environment, for film strips and tables."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fdp_bench.report.shift_previews.severity_frames import SeverityFrames


def shifted_at_levels(base: Any, shift: str) -> dict[float, Any]:
    """The environment clean (0.0) and under a shift at each level.

    Args:
        base: Environment without shifts; all share it and are used in turn.
        shift: Shift string; its severities are replaced.
    """
    from fdp_bench.api.shift import LEVELS
    from fdp_bench.runner.rollout.environment import wrap
    from fdp_bench.specs import parse_shifts

    environments: dict[float, Any] = {0.0: base}
    for level in range(1, LEVELS + 1):
        specs = [replace(spec, severity=level / LEVELS) for spec in parse_shifts(shift)]
        environments[level / LEVELS] = wrap(base, specs)
    return environments


def shift_ladder(base: Any, task: str, shift: str, *, run_seed: int = 0) -> "SeverityFrames":
    """Draw a shift's severities on a task; see `draw_severity_frames`."""
    from fdp_bench.report.shift_previews.severity_frames import draw_severity_frames, frame_reach
    from fdp_bench.runner.rollout.environment import task_info

    environments = shifted_at_levels(base, shift)
    return draw_severity_frames(
        environments,
        task=task,
        shift=shift,
        control_hz=task_info(base, task).control_hz or 1.0,
        run_seed=run_seed,
        swaying=any(frame_reach(env) > 0 for env in environments.values()),
    )


def seen_ladder(base: Any, task: str, shift: str) -> "SeverityFrames":
    """Draw a shift's severities on a task for their own sake, not for a report.

    Args:
        base: Environment without shifts.
        task: Name of its task.
        shift: Shift string; its severities are replaced.
    """
    from fdp_bench.runner.rollout.environment import task_info

    ladder = shift_ladder(base, task_info(base, task).task_id, shift)
    return replace(ladder, subject=ladder.subject.removesuffix(", drawn for this report"))

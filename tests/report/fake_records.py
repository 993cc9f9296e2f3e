"""Records made by hand."""

from collections.abc import Sequence

from fdp_bench.api import CLEAN, EpisodeRecord, EpisodeSpec

LIFT = "fdp_bench/Lift-v1"


def record(
    index: int,
    *,
    success: bool,
    held: bool | None = None,
    policy: str = "dp-dit",
    checkpoint: str = "c0" * 32,
    shift: str = CLEAN,
    severity: float = 0.0,
    task: str = LIFT,
    run_seed: int = 0,
    status: str = "ok",
    latency_ms: Sequence[float] = (),
) -> EpisodeRecord:
    """One episode; success holds whenever it occurs unless said otherwise."""
    return EpisodeRecord(
        spec=EpisodeSpec(task, policy, checkpoint, shift, severity, index, run_seed),
        status=status,
        success_once=success,
        success_held=success if held is None else held,
        steps=90,
        latency_ms=tuple(latency_ms),
        error="boom" if status == "error" else "",
    )


def arm(outcomes: str, **options: object) -> list[EpisodeRecord]:
    """Episodes 0, 1, ... of one arm: ``+`` is a success, ``-`` a failure, ``!`` an error."""
    return [
        record(index, success=sign == "+", status="error" if sign == "!" else "ok", **options)  # type: ignore[arg-type]
        for index, sign in enumerate(outcomes)
    ]


def twin_arms(
    clean: str, shifted: str, *, shift: str = "occlusion@3", **options: object
) -> list[EpisodeRecord]:
    """A clean arm and a shifted one at level 3 on the same episodes."""
    return arm(clean, **options) + arm(shifted, shift=shift, severity=0.6, **options)

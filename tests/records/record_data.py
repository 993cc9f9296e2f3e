"""Records for the tests of runs on disk."""

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.records import Manifest


def record(index=0, *, shift="clean", success=True, wall_time_s=1.0, **facts):
    spec = EpisodeSpec(
        "fdp_bench/Lift-v1", "dp-dit", "abc", shift, 0.0 if shift == "clean" else 0.6, index, 0
    )
    return EpisodeRecord(
        spec=spec,
        status="ok",
        success_once=success,
        success_held=success,
        steps=50 + index,
        latency_ms=(wall_time_s,),
        wall_time_s=wall_time_s,
        **facts,
    )


def manifest(**facts):
    return Manifest(
        name="test",
        status="running",
        created="2026-01-31T12:00:00+00:00",
        config={"task": "fdp_bench/Lift-v1"},
        episodes_planned=4,
        **facts,
    )

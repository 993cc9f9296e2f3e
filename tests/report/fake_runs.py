"""Folders of runs made by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fdp_bench.api import EpisodeRecord
from fdp_bench.records import Manifest, RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import plan_arms

VERSIONS = {"fdp-bench": "0.1.0", "robosuite": "1.5.2", "mujoco": "3.9.0", "fast-simplification": "0.2.0"}


def write_run(
    path: Path,
    records: Sequence[EpisodeRecord],
    *,
    created: str = "2026-01-31T12:00:00+00:00",
    profile: str = "fast",
    planned: int | None = None,
    versions: dict[str, str] | None = None,
    device: str = "cpu",
    protocol: dict[str, str] | None = None,
) -> Path:
    """Write a run whose configuration is read off its records."""
    specs = [record.spec for record in records]
    config = RunConfig(
        task=specs[0].task if specs else "fdp_bench/Lift-v1",
        policies=tuple(dict.fromkeys(spec.policy for spec in specs)) or ("dp-dit",),
        shifts=tuple(dict.fromkeys(spec.shift for spec in specs if spec.shift != "clean")),
        profile=profile,
        device=device,
    )
    checkpoints = {spec.policy: spec.checkpoint for spec in specs} or {"dp-dit": ""}
    manifest = Manifest(
        name=path.name,
        status="complete",
        created=created,
        config=config.to_json(),
        episodes_planned=len(records) if planned is None else planned,
        arms=[arm.to_json() for arm in plan_arms(config, checkpoints)],
        versions=versions or VERSIONS,
        protocol=protocol or {},
    )
    store = RunStore.create(path, manifest)
    with store.writer() as append:
        for record in records:
            append(record)
    return path


def slugs(path: Path) -> dict[tuple[str, str], Any]:
    """(policy, shift) -> name of the arm's files."""
    return {(arm["policy"], arm["shift"]): arm["slug"] for arm in RunStore.open(path).manifest().arms}

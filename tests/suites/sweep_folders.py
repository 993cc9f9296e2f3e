"""Folders of sweeps made by hand: a journal, and runs as `fdp-bench sweep` leaves them."""

import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.records import Manifest, RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import plan_arms
from fdp_bench.suites.cells import plan_cells, short_task
from fdp_bench.suites.evaluation import run_folder
from fdp_bench.suites.journal import Journal
from fdp_bench.suites.load import load_suite

VERSIONS = {"fdp-bench": "0.1.0", "robosuite": "1.5.2", "mujoco": "3.9.0", "fast-simplification": "0.2.0"}


def weights_of(out: Path, cell: Any) -> str:
    """Where a sweep keeps the weights of a cell."""
    return str(
        out / "train" / short_task(cell.task) / cell.label / f"{cell.policy.partition('?')[0]}.safetensors"
    )


def digest(cell: Any) -> str:
    """Stands for the hash of a cell's weights."""
    return hashlib.sha256(f"{cell.policy} {cell.label}".encode()).hexdigest()


def write_sweep(
    out: Path, suite_file: Path, *, left_out: Mapping[str, int] | None = None, error: str = ""
) -> list[Path]:
    """Write the sweep of a suite.

    Args:
        out: Its folder.
        suite_file: The suite.
        left_out: Policy string, or ``"POLICY SHIFT"`` -> how many of its last episodes are missing.
        error: Text of an error that the first episode of each run ended in.

    Returns:
        Its runs.
    """
    suite, runs, entries = load_suite(str(suite_file)), {}, []
    for cell in plan_cells(suite, lambda task, demos: 1):
        run = run_folder(out, cell)
        policy = f"{cell.policy}@{weights_of(out, cell)}"
        for shift in ("clean", *suite.shifts):
            missing = max((left_out or {}).get(key, 0) for key in (cell.policy, f"{cell.policy} {shift}"))
            severity = 0.0 if shift == "clean" else 0.4
            runs.setdefault(run, []).extend(
                EpisodeRecord(
                    EpisodeSpec(cell.task, policy, digest(cell), shift, severity, index, suite.seed)
                    if cell.demos is None
                    else EpisodeSpec(
                        cell.task,
                        policy,
                        digest(cell),
                        shift,
                        severity,
                        index,
                        suite.seed,
                        train_demos=cell.demos,
                        train_seed=cell.train_seed,
                    ),
                    "error" if error and index == 0 else "ok",
                    success_once=not error or index > 0,
                    success_held=False,
                    steps=9,
                    error=error if index == 0 else "",
                )
                for index in range(suite.episodes - missing)
            )
        entries.append(
            {"task": cell.task, "policy": cell.policy, "train_demos": cell.demos}
            | {"train_seed": cell.train_seed, "variant": cell.variant, "sha256": digest(cell)}
        )
    Journal(
        name=suite.name,
        status="complete",
        suite=suite.to_json(),
        command=shlex.join(["fdp-bench", "sweep", str(suite_file)]),
        policies=entries,
    ).write(out)
    for run, records in runs.items():
        _write_run(run, records, suite)
    return list(runs)


def _write_run(path: Path, records: list[EpisodeRecord], suite: Any) -> None:
    specs = [record.spec for record in records]
    config = RunConfig(
        task=suite.tasks[0],
        policies=tuple(dict.fromkeys(spec.policy for spec in specs)),
        shifts=suite.shifts,
        episodes=suite.episodes,
        seed=suite.seed,
    )
    checkpoints = {spec.policy: spec.checkpoint for spec in specs}
    arms = plan_arms(config, checkpoints)
    policies = [
        {"spec": spec, "sha256": sha256, "source": spec.partition("@")[2], "card": {"train_demos": 3}}
        for spec, sha256 in checkpoints.items()
    ]
    manifest = Manifest(
        name=path.name,
        status="complete",
        created="2026-01-31T12:00:00+00:00",
        config=config.to_json(),
        episodes_planned=len(arms) * suite.episodes,
        arms=[arm.to_json() for arm in arms],
        policies=policies,
        versions=VERSIONS,
        invocations=[{"command": "fdp-bench sweep my-suite"}],
    )
    store = RunStore.create(path, manifest)
    with store.writer() as append:
        for record in records:
            append(record)

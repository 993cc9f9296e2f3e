"""A whole run: checked, planned, executed, written down; begun anew or resumed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import CLEAN
from fdp_bench.api.errors import SpecError
from fdp_bench.api.training import Training
from fdp_bench.records.store import RunStore, check_new_folder
from fdp_bench.records.writer import lock_limits
from fdp_bench.runner.config import ExecutorSpec, RunConfig
from fdp_bench.runner.execution import completed, execute
from fdp_bench.runner.executor import Executor, make_executor
from fdp_bench.runner.interrupts import terminable
from fdp_bench.runner.planning.feeds import CHUNK, check_policies, feed_of
from fdp_bench.runner.planning.plan import plan_arms
from fdp_bench.runner.planning.resume_state import ResumeState
from fdp_bench.runner.planning.shard import Shard, plan_part
from fdp_bench.runner.processes.messages import WorkerSettings
from fdp_bench.runner.progress import Progress, RunInfo
from fdp_bench.runner.rollout.preflight import PreflightReport, PreflightRequest
from fdp_bench.runner.run_manifest import check_weights_unchanged, new_manifest, source_changes, source_facts
from fdp_bench.runner.workers.worker_handle import Limits
from fdp_bench.tasks.external.registry import map_data


@terminable()
def begin_run(
    request: RunConfig,
    out: Path,
    *,
    name: str,
    command: Sequence[str],
    progress: Progress,
    workers: int | None,
    inference: str | None = None,
    limits: Limits | None = None,
    shard: Shard | None = None,
    executor: ExecutorSpec | None = None,
) -> RunStore:
    """Run a configuration into a new folder. Nothing is written before everything has been checked.

    Args:
        request: The configuration with policies and shifts as typed; `workers` in it is not read.
        out: Folder of the run, missing or empty.
        name: Short name of the run.
        command: The command line, program first.
        progress: See `Progress`.
        workers: Worker processes; None for as many as the machine has room for.
        inference: Where policies are asked, ``"worker"`` or ``"shared"``; None for what suits the device. Moves no
            number.
        limits: When a worker is replaced; None for what follows from the machine and the episodes.
        shard: Which part of the configuration's episodes is run; None for all of them.
        executor: What runs the episodes; None for processes of this machine. Moves no number.

    Returns:
        The complete run.

    Raises:
        RunInterruptedError: On Ctrl-C after the first episodes were started, and on SIGTERM.
        FdpBenchError: Whatever is wrong with the request, or stops the run.
    """
    check_new_folder(out)
    if request.until_decided:
        check_policies(request.policies)
        if shard is not None:
            raise SpecError(
                "--shard and --until-decided exclude each other: what comes next depends on all records"
            )
    settings = _settings(request, map_data(request.task))
    with make_executor(executor or ExecutorSpec(), settings, inference, limits) as pool:
        most = len(request.policies) * len({CLEAN, *request.shifts}) * request.episodes
        if shard is not None:
            shard.check_size(most)
            most = math.ceil(most / shard.count)
        report = pool.preflight(
            PreflightRequest(request.policies, request.shifts, request.device),
            _workers(pool, workers, request.lanes, most),
        )
        config = replace(
            request, policies=tuple(policy.spec for policy in report.policies), shifts=report.shifts
        )
        arms = plan_arms(
            config,
            {policy.spec: policy.sha256 for policy in report.policies},
            {policy.spec: Training.from_card(policy.card) for policy in report.policies},
        )
        episodes, again = plan_part(config, arms, shard)
        config = replace(config, workers=_workers(pool, workers, config.lanes, len(episodes)))
        feed = feed_of(config, arms, episodes, ())
        manifest = new_manifest(config, arms, report, name, len(episodes))
        store = RunStore.create(out, replace(manifest, shard=shard.to_json() if shard else {}))
        run_info = RunInfo(store, config, arms, len(episodes), warnings=_warnings(out, report), shard=shard)
        with store.writer() as append:
            execute(pool, run_info, feed, again, command, progress, append, _max_errors(limits))
    return store


@terminable()
def resume_run(
    path: Path,
    *,
    command: Sequence[str],
    progress: Progress,
    workers: int | None,
    lanes: int | None,
    inference: str | None = None,
    limits: Limits | None = None,
    executor: ExecutorSpec | None = None,
    retry_errors: bool = False,
) -> RunStore:
    """Run what is missing of a run, with the configuration of its manifest.

    Args:
        path: Folder of the run.
        command: The command line, program first.
        progress: See `Progress`.
        workers: Worker processes; None for as many as the machine has room for.
        lanes: Episodes that a worker steps side by side; None for the manifest's.
        inference: See `begin_run`.
        limits: See `begin_run`.
        executor: See `begin_run`; need not be the one that the run was started with.
        retry_errors: Whether to run episodes again that ended in an error. Their records are kept in ``errors.jsonl``.

    Returns:
        The complete run.

    Raises:
        RunError: If it cannot be resumed: not a run, being written, or its weights have changed since.
        RunInterruptedError: On Ctrl-C and on SIGTERM.
    """
    store = RunStore.open(path)
    if retry_errors:
        store.set_errors_aside()
    # A complete run can be asked for where nobody can write.
    if ResumeState.of(store, lanes).is_marked_complete:
        return store
    with store.writer() as append:
        # Read under the lock: whoever wrote until now may have finished it.
        rest = ResumeState.of(store, lanes)
        if rest.is_finished:
            store.update_manifest(completed(rest.manifest, rest.feed))
            return store
        config = rest.config
        settings = _settings(config, rest.manifest.task.get("map"))
        with make_executor(executor or ExecutorSpec(), settings, inference, limits) as pool:
            config = replace(config, workers=_workers(pool, workers, config.lanes, rest.size))
            report = pool.preflight(
                PreflightRequest(config.policies, config.shifts, config.device), config.workers
            )
            check_weights_unchanged(path, rest.arms, report)
            run_info = RunInfo(
                store,
                config,
                rest.arms,
                rest.planned,
                rest.finished,
                (*source_changes(rest.manifest, source_facts()), *_warnings(path, report)),
                shard=rest.shard,
            )
            execute(pool, run_info, rest.feed, rest.again, command, progress, append, _max_errors(limits))
    return store


def _settings(config: RunConfig, task_map: Mapping[str, Any] | None) -> WorkerSettings:
    return WorkerSettings(
        config.task,
        config.profile,
        config.device,
        config.lanes,
        config.batch_rows,
        config.act_timeout,
        task_map,
    )


def _max_errors(limits: Limits | None) -> int | None:
    return limits.max_errors if limits is not None else None


def _workers(pool: Executor, asked: int | None, lanes: int, episodes: int) -> int:
    most = asked or pool.default_workers(lanes)
    return max(1, min(most, math.ceil(episodes / CHUNK)))


def _warnings(path: Path, report: PreflightReport) -> tuple[str, ...]:
    limits = lock_limits(path)
    of_policies = (f"{policy.spec}: {text}" for policy in report.policies for text in policy.warnings)
    return (*((limits,) if limits else ()), *of_policies)

"""A whole run: checked, planned, executed, written down; begun anew or resumed."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import RunError, SpecError
from fdp_bench.api.training import Training
from fdp_bench.records.manifest import COMPLETE, FAILED, INTERRUPTED, Manifest
from fdp_bench.records.store import STRIPS_NAME, VIDEOS_NAME, RunStore, check_new_folder
from fdp_bench.records.writer import lock_limits, refuse_link, unwritable
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.ending import RunInterruptedError as RunInterruptedError
from fdp_bench.runner.ending import Terminated, exit_code_of, terminable, unbroken
from fdp_bench.runner.executor import Executor, ExecutorSpec, make_executor
from fdp_bench.runner.feed import CHUNK, Feed, FixedFeed
from fdp_bench.runner.opening import check_weights_unchanged, new_manifest, now, source_changes, source_facts
from fdp_bench.runner.plan import Arm, plan_arms
from fdp_bench.runner.preflight import PreflightRequest
from fdp_bench.runner.sequential import SequentialFeed, check_policies
from fdp_bench.runner.shard import Shard, plan_part
from fdp_bench.runner.supervision import Limits
from fdp_bench.runner.timing import time_facts
from fdp_bench.runner.worker import PicturePlan, WorkerSettings
from fdp_bench.tasks.foreign_map import map_data


@dataclass(frozen=True)
class Announcement:
    """What is about to be run, for whoever shows progress.

    Attributes:
        store: The run's folder.
        config: Its configuration.
        arms: Its arms.
        planned: Episodes of the whole run.
        finished: Records that are there already.
        warnings: What a user should know before trusting the numbers.
        retest: Whether episodes are run again, which count in no rate.
        shard: Which part of a run it is; None for a whole one.
    """

    store: RunStore
    config: RunConfig
    arms: tuple[Arm, ...]
    planned: int
    finished: tuple[EpisodeRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    retest: bool = False
    shard: Shard | None = None


#: Called before the first episode, and again before the first one of a retest; returns what is called with each record.
Progress = Callable[[Announcement], Callable[[EpisodeRecord], None]]


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
        most = len(request.policies) * (1 + len(request.shifts)) * request.episodes
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
        feed = _feed(config, arms, episodes, ())
        manifest = new_manifest(config, arms, report, name, len(episodes))
        store = RunStore.create(out, replace(manifest, shard=shard.to_json() if shard else {}))
        announcement = Announcement(store, config, arms, len(episodes), warnings=_warnings(out), shard=shard)
        _execute(pool, announcement, feed, again, command, progress)
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

    Returns:
        The complete run.

    Raises:
        RunError: If it cannot be resumed: not a run, being written, or its weights have changed since.
        RunInterruptedError: On Ctrl-C and on SIGTERM.
    """
    store = RunStore.open(path)
    manifest = store.manifest()
    config = RunConfig.from_json(manifest.config)
    config = replace(config, lanes=lanes or config.lanes)
    arms = tuple(Arm.from_json(arm) for arm in manifest.arms)
    shard = Shard.from_json(manifest.shard)
    episodes, again = plan_part(config, arms, shard)
    finished = store.all_records(manifest)
    feed = _feed(config, arms, episodes, finished)
    again = _missing(again, store.retest_records())
    missing = len(episodes) - len(finished) + len(again)
    if next(feed.chunks(), None) is None and not again:
        if manifest.status != COMPLETE:
            store.update_manifest(_completed(manifest, feed))
        return store
    settings = _settings(config, manifest.task.get("map"))
    with make_executor(executor or ExecutorSpec(), settings, inference, limits) as pool:
        config = replace(config, workers=_workers(pool, workers, config.lanes, missing))
        report = pool.preflight(
            PreflightRequest(config.policies, config.shifts, config.device), config.workers
        )
        check_weights_unchanged(path, arms, report)
        announcement = Announcement(
            store,
            config,
            arms,
            len(episodes),
            tuple(finished),
            (*source_changes(manifest, source_facts()), *_warnings(path)),
            shard=shard,
        )
        _execute(pool, announcement, feed, again, command, progress)
    return store


def resume_command(path: Path) -> str:
    """The command that finishes a run."""
    return shlex.join(["fdp-bench", "run", "--resume", str(path)])


def _execute(
    pool: Executor,
    announcement: Announcement,
    feed: Feed,
    again: Sequence[EpisodeSpec],
    command: Sequence[str],
    progress: Progress,
) -> None:
    store, config = announcement.store, announcement.config
    pictures = _picture_plan(store, config, announcement.arms)
    with store.writer() as append:
        invocation = {
            "command": shlex.join(command),
            "started": now(),
            "workers": config.workers,
            "lanes": config.lanes,
            "inference": pool.inference,
            **pool.facts(),
            **source_facts(),
        }
        manifest = store.manifest().started(invocation)
        store.update_manifest(manifest)
        show = progress(announcement)
        written = 0
        try:
            for record in pool.run(feed.chunks(), config.workers, pictures, append.sync):
                with unbroken():
                    append(record)
                    feed.take(record)
                    written += 1
                    show(record)
            if again:
                _run_again(pool, announcement, again, progress)
        except BaseException as error:
            status = INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
            manifest = replace(manifest, comparisons=feed.comparisons())
            facts = {"ended": now(), "episodes": written, **pool.facts(), **_incident_facts(pool)}
            # A disk that took no record takes no manifest either; the one that is there says enough to resume.
            with suppress(RunError), unbroken():
                append.sync(now=True)
                store.update_manifest(manifest.ended(status, **facts, error=str(error)))
            kept = (
                f"{len(announcement.finished) + written} of {announcement.planned} episodes are kept; "
                f"finish the run with: {resume_command(store.path)}"
            )
            if isinstance(error, KeyboardInterrupt):
                word = "terminated" if isinstance(error, Terminated) else "interrupted"
                raise RunInterruptedError(f"{word}: {kept}", exit_code_of(error)) from None
            if isinstance(error, RunError):
                raise RunError(f"{error}; {kept}") from error.__cause__
            raise
        facts = {"ended": now(), "episodes": written, **pool.facts(), **_incident_facts(pool)}
        ended = manifest.ended(COMPLETE, **facts, **time_facts(pool.times()))
        with unbroken():
            store.update_manifest(_completed(ended, feed))


def _run_again(
    pool: Executor, announcement: Announcement, episodes: Sequence[EpisodeSpec], progress: Progress
) -> None:
    """Run episodes again, without pictures: those of the first time stay."""
    store, config = announcement.store, announcement.config
    show = progress(replace(announcement, planned=len(episodes), finished=(), warnings=(), retest=True))
    no_pictures = replace(_picture_plan(store, config, announcement.arms), strips=None, videos_per_arm=0)
    with store.writer(retest=True) as append:
        for record in pool.run(FixedFeed(episodes).chunks(), config.workers, no_pictures, append.sync):
            with unbroken():
                append(record)
                show(record)


def _feed(
    config: RunConfig,
    arms: Sequence[Arm],
    episodes: Sequence[EpisodeSpec],
    finished: Sequence[EpisodeRecord],
) -> Feed:
    if config.until_decided:
        return SequentialFeed(config, arms, finished)
    return FixedFeed(_missing(episodes, finished))


def _missing(episodes: Sequence[EpisodeSpec], finished: Sequence[EpisodeRecord]) -> tuple[EpisodeSpec, ...]:
    done = {record.spec.id for record in finished}
    return tuple(spec for spec in episodes if spec.id not in done)


def _completed(manifest: Manifest, feed: Feed) -> Manifest:
    """The manifest of a complete run; where shifts ended when decided, only the pairs that counted were needed."""
    comparisons = feed.comparisons()
    if not comparisons:
        return replace(manifest, status=COMPLETE)
    needed = sum(2 * int(entry["pairs"]) for entry in comparisons)
    return replace(manifest, status=COMPLETE, comparisons=comparisons, episodes_planned=needed)


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


def _workers(pool: Executor, asked: int | None, lanes: int, episodes: int) -> int:
    most = asked or pool.default_workers(lanes)
    return max(1, min(most, math.ceil(episodes / CHUNK)))


def _picture_plan(store: RunStore, config: RunConfig, arms: Sequence[Arm]) -> PicturePlan:
    # A plugin may make another folder the working one.
    run = store.path.absolute()
    strips, videos = run / STRIPS_NAME, run / VIDEOS_NAME
    for folder, wanted in ((strips, True), (videos, config.videos > 0)):
        if wanted:
            refuse_link(folder)
            try:
                folder.mkdir(exist_ok=True)
                for part in folder.glob("*.part.*"):
                    part.unlink()
            except OSError as error:
                raise RunError(unwritable(folder, error)) from error
    slugs = {(config.task, arm.policy, arm.shift): arm.slug for arm in arms}
    return PicturePlan(strips, videos, config.videos, slugs)


def _warnings(path: Path) -> tuple[str, ...]:
    limits = lock_limits(path)
    return (limits,) if limits else ()


def _incident_facts(pool: Executor) -> dict[str, Any]:
    """What a manifest keeps of processes that were replaced; nothing where none was."""
    return {"incidents": [asdict(incident) for incident in pool.incidents]} if pool.incidents else {}

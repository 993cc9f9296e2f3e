"""Runs episodes, writes each down as it ends, and writes the run's end into its manifest."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.api.errors import FdpBenchError, RepeatedError, RunError
from fdp_bench.records.manifest import COMPLETE, FAILED, INTERRUPTED, Manifest
from fdp_bench.records.store import STRIPS_NAME, VIDEOS_NAME, RunStore, read_records, resume_command
from fdp_bench.records.writer import RecordWriter, refuse_link, unwritable
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.error_streak import ErrorStreak
from fdp_bench.runner.executor import Executor
from fdp_bench.runner.interrupts import RunInterruptedError, Terminated, defer_signals, exit_code_of
from fdp_bench.runner.planning.feeds import Feed, FixedFeed
from fdp_bench.runner.planning.plan import Arm
from fdp_bench.runner.processes.messages import PicturePlan
from fdp_bench.runner.progress import Progress, RunInfo
from fdp_bench.runner.rollout.timing import time_facts
from fdp_bench.runner.run_manifest import now, source_facts


def execute(
    pool: Executor,
    run_info: RunInfo,
    feed: Feed,
    again: Sequence[EpisodeSpec],
    command: Sequence[str],
    progress: Progress,
    append: RecordWriter,
    max_errors: int | None = None,
) -> None:
    """Run episodes, write each down as it ends, and the run's end into its manifest, whatever ends it.

    Args:
        pool: What runs them; it has checked the request.
        run_info: What is run.
        feed: Where the next episodes come from.
        again: Episodes that are run again in the end.
        command: The command line, program first.
        progress: See `Progress`.
        append: The run's only writer.
        max_errors: See `fdp_bench.runner.workers.worker_handle.Limits`.

    Raises:
        RunInterruptedError: On Ctrl-C, SIGTERM and SIGHUP.
        FdpBenchError: Whatever stops the run.
    """
    store, config = run_info.store, run_info.config
    pictures = _picture_plan(store, config, run_info.arms)
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
    show = progress(run_info)
    written, streak = 0, ErrorStreak(max_errors)
    try:
        for record in pool.run(feed.chunks(), config.workers, pictures, append.sync):
            with defer_signals():
                append(record)
                feed.take(record)
                written += 1
                show(record)
            streak.take(record)
        if again:
            _run_again(pool, run_info, again, progress)
        # A disk may refuse the last records behind the scenes; a run that lacks them is not complete.
        with defer_signals():
            append.sync(now=True)
    except BaseException as error:
        status = INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
        manifest = replace(manifest, comparisons=feed.comparisons())
        facts = {"ended": now(), "episodes": written, **pool.facts(), **_incident_facts(pool)}
        # A disk that took no record takes no manifest either; the one that is there says enough to resume.
        with defer_signals():
            with suppress(RunError):
                append.sync(now=True)
            with suppress(RunError):
                store.update_manifest(manifest.ended(status, **facts, error=str(error)))
        kept = _kept_text(store, run_info.planned)
        if isinstance(error, KeyboardInterrupt):
            word = "terminated" if isinstance(error, Terminated) else "interrupted"
            raise RunInterruptedError(f"{word}: {kept}", exit_code_of(error)) from None
        if isinstance(error, RepeatedError):
            raise RepeatedError(f"{error}; {kept}", error.traceback) from None
        if isinstance(error, FdpBenchError):
            kind = RunError if isinstance(error, RunError) else type(error)
            raise kind(f"{error}; {kept}") from error.__cause__
        raise
    facts = {"ended": now(), "episodes": written, **pool.facts(), **_incident_facts(pool)}
    ended = manifest.ended(COMPLETE, **facts, **time_facts(pool.times()))
    try:
        with defer_signals():
            store.update_manifest(completed(ended, feed))
    except RunError as error:
        raise RunError(f"{error}; {_kept_text(store, run_info.planned)}") from error.__cause__


def _kept_text(store: RunStore, planned: int) -> str:
    """What a run that has ended before its time leaves, as its file says: the disk may have failed, or been emptied."""
    try:
        kept = len(read_records(store.episodes_path))
    except RunError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            # Whatever noticed it first, a record or a picture.
            return (
                f"run {str(store.path)!r} was removed or moved while it was written; put back what was moved, and "
                f"finish it with: {resume_command(store.path)}"
            )
        return f"what is kept cannot be told ({error})"
    return f"{kept} of {planned} episodes are kept; finish the run with: {resume_command(store.path)}"


def completed(manifest: Manifest, feed: Feed) -> Manifest:
    """The manifest of a complete run; where shifts ended when decided, only the pairs that counted were needed."""
    comparisons = feed.comparisons()
    if not comparisons:
        return replace(manifest, status=COMPLETE)
    needed = sum(2 * int(entry["pairs"]) for entry in comparisons)
    return replace(manifest, status=COMPLETE, comparisons=comparisons, episodes_planned=needed)


def _run_again(
    pool: Executor, run_info: RunInfo, episodes: Sequence[EpisodeSpec], progress: Progress
) -> None:
    """Run episodes again, without pictures: those of the first time stay."""
    store, config = run_info.store, run_info.config
    show = progress(replace(run_info, planned=len(episodes), finished=(), warnings=(), retest=True))
    no_pictures = replace(_picture_plan(store, config, run_info.arms), strips=None, videos_per_arm=0)
    with store.writer(retest=True) as append:
        for record in pool.run(FixedFeed(episodes).chunks(), config.workers, no_pictures, append.sync):
            with defer_signals():
                append(record)
                show(record)


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


def _incident_facts(pool: Executor) -> dict[str, Any]:
    """What a manifest keeps of processes that were replaced; nothing where none was."""
    return {"incidents": [asdict(incident) for incident in pool.incidents]} if pool.incidents else {}

"""What is said of a run before and while it goes on: its facts, and a progress bar with the success so far."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.records.store import RunStore, resume_command
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm
from fdp_bench.runner.planning.shard import Shard

#: What writing to a terminal that was closed, or to whoever has stopped reading, raises: no reason to stop a run.
_NOBODY_LOOKS = (OSError, ValueError)


@dataclass(frozen=True)
class RunInfo:
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
Progress = Callable[[RunInfo], Callable[[EpisodeRecord], None]]


class ProgressBar:
    """Shows a run as it goes; use it as a context, so that the bar is closed before anything else is printed.

    Args:
        stream: Where it is drawn; on what is no terminal, only the first lines are.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._finished: Counter[tuple[str, str]] = Counter()
        self._successes: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            with suppress(*_NOBODY_LOOKS):
                self._bar.close()
            self._bar = None

    def _say(self, text: str) -> None:
        with suppress(*_NOBODY_LOOKS):
            print(text, file=self._stream)

    def _start_over(self) -> None:
        self._close()
        self._finished.clear()
        self._successes.clear()

    def __call__(self, run_info: RunInfo) -> Callable[[EpisodeRecord], None]:
        """Say what is run and return what takes each record."""
        from tqdm import tqdm

        config = run_info.config
        self._start_over()
        for warning in run_info.warnings:
            self._say(f"warning: {warning}")
        workers = f"{config.workers} {'worker' if config.workers == 1 else 'workers'}"
        if run_info.retest:
            self._say(
                f"retest: {run_info.planned} episodes once more, with the same noise and with fresh noise"
            )
        else:
            most = "up to " if config.until_decided else ""
            part = (
                f", of these shard {run_info.shard} ({run_info.planned} episodes)" if run_info.shard else ""
            )
            self._say(
                f"{len(run_info.arms)} arms x {most}{config.episodes} episodes on {config.task}{part}, {workers}, "
                f"into {run_info.store.path} "
                f"(Ctrl-C is safe; to finish later: {resume_command(run_info.store.path)})"
            )
        for record in run_info.finished:
            self._count(record)
        with suppress(*_NOBODY_LOOKS):
            self._bar = tqdm(
                total=run_info.planned,
                initial=len(run_info.finished),
                unit="ep",
                file=self._stream,
                disable=None,
                dynamic_ncols=True,
                smoothing=0.1,
            )
        return self._take

    def _take(self, record: EpisodeRecord) -> None:
        self._count(record)
        if self._bar is None:
            return
        try:
            self._bar.set_postfix_str(self.text(record.spec.policy), refresh=False)
            self._bar.update()
        except _NOBODY_LOOKS:
            self._close()

    def _count(self, record: EpisodeRecord) -> None:
        arm = (record.spec.policy, record.spec.shift)
        self._finished[arm] += 1
        self._successes[arm] += record.succeeded

    def text(self, policy: str) -> str:
        """Success so far under each shift, for instance ``"fdp:prop>vision: clean 8/10, occlusion@3 5/10"``."""
        shown = [
            f"{shift} {self._successes[name, shift]}/{count}"
            for (name, shift), count in self._finished.items()
            if name == policy
        ]
        return f"{policy}: {', '.join(shown)}"

"""A progress bar with the success so far."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.runner.run import Announcement, resume_command

#: What writing to a terminal that was closed, or to whoever has stopped reading, raises: no reason to stop a run.
_NOBODY_LOOKS = (OSError, ValueError)


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

    def __call__(self, announcement: Announcement) -> Callable[[EpisodeRecord], None]:
        """Say what is run and return what takes each record."""
        from tqdm import tqdm

        config = announcement.config
        self._start_over()
        for warning in announcement.warnings:
            self._say(f"warning: {warning}")
        workers = f"{config.workers} {'worker' if config.workers == 1 else 'workers'}"
        if announcement.retest:
            self._say(
                f"retest: {announcement.planned} episodes once more, with the same noise and with fresh noise"
            )
        else:
            most = "up to " if config.until_decided else ""
            part = (
                f", of these shard {announcement.shard} ({announcement.planned} episodes)"
                if announcement.shard
                else ""
            )
            self._say(
                f"{len(announcement.arms)} arms x {most}{config.episodes} episodes on {config.task}{part}, {workers}, "
                f"into {announcement.store.path} "
                f"(Ctrl-C is safe; to finish later: {resume_command(announcement.store.path)})"
            )
        for record in announcement.finished:
            self._count(record)
        with suppress(*_NOBODY_LOOKS):
            self._bar = tqdm(
                total=announcement.planned,
                initial=len(announcement.finished),
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

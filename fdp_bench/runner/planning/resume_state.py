"""What is still to be run of a run: by its manifest and its records."""

from dataclasses import dataclass, replace
from typing import Self

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.records.manifest import COMPLETE, Manifest
from fdp_bench.records.store import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.feeds import Feed, feed_of, missing
from fdp_bench.runner.planning.plan import Arm
from fdp_bench.runner.planning.shard import Shard, plan_part


@dataclass(frozen=True)
class ResumeState:
    """A run that was begun.

    Attributes:
        manifest: Its manifest.
        config: Its configuration.
        arms: Its arms.
        shard: Which part of a run it is; None for a whole one.
        planned: Episodes of the whole run.
        finished: Records that are there.
        feed: Where the missing episodes come from.
        again: Episodes that are still to be run again.
    """

    manifest: Manifest
    config: RunConfig
    arms: tuple[Arm, ...]
    shard: Shard | None
    planned: int
    finished: tuple[EpisodeRecord, ...]
    feed: Feed
    again: tuple[EpisodeSpec, ...]

    @classmethod
    def of(cls, store: RunStore, lanes: int | None) -> Self:
        """Read it.

        Args:
            store: The run.
            lanes: Episodes that a worker steps side by side; None for the manifest's.

        Raises:
            RunError: If the run cannot be read.
        """
        manifest = store.manifest()
        config = RunConfig.from_json(manifest.config)
        config = replace(config, lanes=lanes or config.lanes)
        arms = tuple(Arm.from_json(arm) for arm in manifest.arms)
        shard = Shard.from_json(manifest.shard)
        episodes, again = plan_part(config, arms, shard)
        finished = store.all_records(manifest)
        return cls(
            manifest,
            config,
            arms,
            shard,
            len(episodes),
            tuple(finished),
            feed_of(config, arms, episodes, finished),
            missing(again, store.retest_records()),
        )

    @property
    def is_finished(self) -> bool:
        """Whether no episode is to be run."""
        return next(self.feed.chunks(), None) is None and not self.again

    @property
    def is_marked_complete(self) -> bool:
        """Whether nothing is to be run and the manifest says so."""
        return self.is_finished and self.manifest.status == COMPLETE

    @property
    def size(self) -> int:
        """Episodes that may have to be run."""
        return self.planned - len(self.finished) + len(self.again)

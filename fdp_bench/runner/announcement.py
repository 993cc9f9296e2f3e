"""What is about to be run, for whoever shows progress."""

from collections.abc import Callable
from dataclasses import dataclass

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.records.store import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm
from fdp_bench.runner.planning.shard import Shard


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

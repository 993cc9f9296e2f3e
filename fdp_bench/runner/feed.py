"""Which episodes are handed out next: all that were planned, or only as many as a decision needs."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.runner.planning.plan import plan_chunks

#: Episodes handed to a worker at once.
CHUNK = 2


class Feed(Protocol):
    """What decides which episodes a run hands out."""

    def chunks(self) -> Iterator[tuple[EpisodeSpec, ...]]:
        """Episodes to hand out together, asked for one chunk at a time while records come in."""
        ...

    def take(self, record: EpisodeRecord) -> None:
        """Learn what came of an episode."""
        ...

    def comparisons(self) -> list[dict[str, Any]]:
        """What was decided, for `Manifest.comparisons`."""
        ...


class FixedFeed:
    """Hands out all of a list of episodes.

    Args:
        episodes: The episodes, in the order they are started.
    """

    def __init__(self, episodes: Sequence[EpisodeSpec]) -> None:
        self._episodes = episodes

    def chunks(self) -> Iterator[tuple[EpisodeSpec, ...]]:
        """See `Feed.chunks`."""
        yield from plan_chunks(self._episodes, CHUNK)

    def take(self, record: EpisodeRecord) -> None:
        """See `Feed.take`: nothing changes."""

    def comparisons(self) -> list[dict[str, Any]]:
        """See `Feed.comparisons`: there are none."""
        return []

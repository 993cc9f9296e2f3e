"""Which episodes are handed out next: all that were planned, or only as many as a decision between two policies needs.

Where two policies are run until they are decided, a shift's comparison takes the pairs of episodes in the order of
their indices, and only as far as every earlier pair is complete. So a decision, the number of its pairs and its e-value
depend neither on the number of workers nor on interruptions. Episodes that were under way when the decision fell are
kept in ``episodes.jsonl`` and count nowhere: `RunStore.records` leaves them out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from fdp_bench.api.episode import EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import SpecError
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm, plan_chunks, plan_episodes
from fdp_bench.stats.sequential import SequentialComparison

#: Episodes handed to a worker at once.
CHUNK = 2
#: Indices that are handed out for both policies before the next ones: few, so that little is under way in vain when a
#: decision falls, and as many as a worker's lanes.
BLOCK = 4


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


class SequentialFeed:
    """Hands out pairs of episodes of two policies until each shift is decided.

    Args:
        config: The run; `until_decided` is the chance, over all its shifts together, of calling any two equal policies
            different. Each shift gets an equal share of it.
        arms: Its arms.
        finished: Records that are there already.
    """

    def __init__(self, config: RunConfig, arms: Sequence[Arm], finished: Iterable[EpisodeRecord]) -> None:
        check_policies(config.policies)
        self._first, self._second = config.policies
        shifts = list(dict.fromkeys(arm.shift for arm in arms))
        alpha = config.until_decided / len(shifts)
        self._pairs = {shift: _Pairs(config.policies, alpha) for shift in shifts}
        self._plan = _by_block(plan_episodes(config, arms))
        self._done: set[str] = set()
        for record in finished:
            self.take(record)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to run."""
        return next(self.chunks(), None) is None

    def chunks(self) -> Iterator[tuple[EpisodeSpec, ...]]:
        """See `Feed.chunks`: by blocks of indices, in each by policy, then by shift."""
        for block in self._plan:
            for chunk in plan_chunks(block, CHUNK):
                # Asked anew for each chunk: records have come in since the one before.
                open_ones = tuple(spec for spec in chunk if self._is_wanted(spec))
                if open_ones:
                    yield open_ones

    def take(self, record: EpisodeRecord) -> None:
        """See `Feed.take`."""
        if record.spec.id in self._done:
            return
        self._done.add(record.spec.id)
        self._pairs[record.spec.shift].take(record.spec.policy, record.spec.index, record.succeeded)

    def comparisons(self) -> list[dict[str, Any]]:
        """See `Feed.comparisons`: one entry a shift, JSON-ready."""
        return [
            {"shift": shift, "first": self._first, "second": self._second, **pairs.to_json()}
            for shift, pairs in self._pairs.items()
        ]

    def _is_wanted(self, spec: EpisodeSpec) -> bool:
        return spec.id not in self._done and not self._pairs[spec.shift].comparison.decided


class _Pairs:
    """One shift's pairs: outcomes as they come in, compared in the order of their indices."""

    def __init__(self, policies: Sequence[str], alpha: float) -> None:
        self.comparison = SequentialComparison(alpha)
        self._outcomes: tuple[dict[int, bool], ...] = ({}, {})
        self._by_policy: Mapping[str, dict[int, bool]] = dict(zip(policies, self._outcomes, strict=True))

    def take(self, policy: str, index: int, success: bool) -> None:
        self._by_policy[policy][index] = success
        first, second = self._outcomes
        while not self.comparison.decided:
            following = self.comparison.n
            if following not in first or following not in second:
                return
            self.comparison.update(first[following], second[following])

    def to_json(self) -> dict[str, Any]:
        summary = self.comparison.summary()
        counts = summary.counts
        return {
            "pairs": counts.pairs,
            "both": counts.both,
            "only_first": counts.only_first,
            "only_second": counts.only_second,
            "neither": counts.neither,
            "alpha": summary.alpha,
            "e_value": summary.e_value,
            "p_value": summary.p_value,
            "difference_low": summary.interval.low,
            "difference_high": summary.interval.high,
            "winner": summary.winner,
            "decided_at": summary.decided_at,
        }


def feed_of(
    config: RunConfig,
    arms: Sequence[Arm],
    episodes: Sequence[EpisodeSpec],
    finished: Sequence[EpisodeRecord],
) -> Feed:
    """Where the missing episodes of a run come from.

    Args:
        config: Its configuration.
        arms: Its arms.
        episodes: All its episodes, in their order.
        finished: Records that are there.
    """
    if config.until_decided:
        return SequentialFeed(config, arms, finished)
    return FixedFeed(missing(episodes, finished))


def missing(episodes: Sequence[EpisodeSpec], finished: Sequence[EpisodeRecord]) -> tuple[EpisodeSpec, ...]:
    """Episodes that have no record yet, in their order."""
    done = {record.spec.id for record in finished}
    return tuple(spec for spec in episodes if spec.id not in done)


def check_policies(policies: Sequence[str]) -> None:
    """Check that there are two policies to compare.

    Raises:
        SpecError: If not.
    """
    if len(policies) != 2:
        held = ", ".join(policies) or "none"
        raise SpecError(
            f"--until-decided compares two policies and got {len(policies)} ({held}); give --policy twice"
        )


def _by_block(episodes: Sequence[EpisodeSpec]) -> list[list[EpisodeSpec]]:
    """Split episodes into blocks of `BLOCK` indices, each block in the given order: by policy, then by shift."""
    blocks: dict[int, list[EpisodeSpec]] = {}
    for spec in episodes:
        blocks.setdefault(spec.index // BLOCK, []).append(spec)
    return [blocks[number] for number in sorted(blocks)]

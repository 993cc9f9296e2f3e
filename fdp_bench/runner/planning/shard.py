"""One of several parts of a run, so that machines that know nothing of each other share it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.api.errors import SpecError
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import Arm, plan_episodes, plan_retest


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`.

    Attributes:
        number: Which part, in [1, count].
        count: Number of parts, >= 1.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise SpecError(f"shard {self} does not exist: the number must lie in 1-{self.count}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``"3/16"``.

        Raises:
            SpecError: If it is anything else.
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if match is None or int(match[2]) < 1:
            raise SpecError(
                f"--shard {text!r} is no part of a run; it must be NUMBER/COUNT, for instance 3/16"
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Shard | None":
        """The shard of a manifest; None for a whole run."""
        return cls(int(data["number"]), int(data["count"])) if data else None

    def to_json(self) -> dict[str, int]:
        """JSON-ready dictionary."""
        return asdict(self)

    def check_size(self, episodes: int) -> None:
        """Refuse a cut that leaves somebody nothing to do.

        Args:
            episodes: Episodes of the whole run.

        Raises:
            SpecError: If there are fewer episodes than shards.
        """
        if self.count > episodes:
            of = "1 episode" if episodes == 1 else f"{episodes} episodes"
            raise SpecError(f"--shard {self} makes {self.count} parts of {of}; make {episodes} at most")

    def part(self, episodes: Sequence[EpisodeSpec]) -> tuple[EpisodeSpec, ...]:
        """This shard's episodes, in the order of the plan.

        The cut goes through the episodes by index: an index is run under all policies and shifts by one shard, but for
        the few where one shard ends and the next begins. So shards differ by one episode at most, each has its share of
        every arm, and pairs lie together. Every episode is in exactly one shard.

        Args:
            episodes: All episodes of the run, in the order of the plan.
        """
        by_index = sorted(range(len(episodes)), key=lambda position: episodes[position].index)
        first, last = (len(by_index) * number // self.count for number in (self.number - 1, self.number))
        return tuple(episodes[position] for position in sorted(by_index[first:last]))


def plan_part(
    config: RunConfig, arms: Sequence[Arm], shard: Shard | None
) -> tuple[tuple[EpisodeSpec, ...], tuple[EpisodeSpec, ...]]:
    """Episodes to run, and episodes to run again, of a run or of one of its shards.

    Args:
        config: The whole run.
        arms: Its arms.
        shard: Which part; None for all of it.

    Raises:
        SpecError: If there are fewer episodes than shards.
    """
    episodes, again = plan_episodes(config, arms), plan_retest(config, arms)
    if shard is None:
        return episodes, again
    shard.check_size(len(episodes))
    mine = shard.part(episodes)
    ids = {spec.id for spec in mine}
    # A retest belongs to the shard that has the episode, whose record it is held against.
    return mine, tuple(spec for spec in again if replace(spec, noise_seed=config.noise_seed).id in ids)

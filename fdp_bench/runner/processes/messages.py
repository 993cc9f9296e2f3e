"""What processes of a run say to each other."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.api.errors import FdpBenchError
from fdp_bench.runner.rollout.episode import PicturePaths
from fdp_bench.runner.rollout.plugin_calls import describe_error

#: Most characters of a traceback that cross a process border: its end.
MOST_DETAILS = 20_000


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker gets at its start.

    Attributes:
        task: Gymnasium id.
        profile: Render profile.
        device: Device that policies are built on.
        lanes: Episodes under way at once.
        batch_rows: Rows of every policy batch.
        act_timeout_s: Seconds that a policy may take for a decision; 0.0 for any time.
        task_map: The task's map, where it has one; see `fdp_bench.tasks.external.registry.map_data`.
    """

    task: str
    profile: str
    device: str
    lanes: int
    batch_rows: int
    act_timeout_s: float = 0.0
    task_map: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PicturePlan:
    """Which pictures a run keeps.

    Attributes:
        strips: Folder of film strips of each arm's episode 0; None for none.
        videos: Folder of videos.
        videos_per_arm: Number of each arm's first episodes kept as video.
        slugs: Arm (task, policy, shift) -> name of its files.
    """

    strips: Path | None
    videos: Path
    videos_per_arm: int
    slugs: dict[tuple[str, str, str], str]

    def paths(self, spec: EpisodeSpec) -> PicturePaths:
        """Where an episode's pictures go."""
        slug = self.slugs[spec.arm]
        return PicturePaths(
            strip=self.strips / f"{slug}.png" if self.strips is not None and spec.index == 0 else None,
            video=self.videos / f"{slug}_{spec.index:04d}.mp4" if spec.index < self.videos_per_arm else None,
        )


@dataclass(frozen=True)
class TimesRequest:
    """Asks a worker for its seconds by phase; see `fdp_bench.runner.rollout.timing`."""


@dataclass(frozen=True)
class Started:
    """A worker is about to start an episode; if it dies before the record, the episode is quarantined.

    Attributes:
        episode: The episode's id.
    """

    episode: str


@dataclass(frozen=True)
class Beat:
    """A process is alive and getting on, though no episode has ended for a while.

    Attributes:
        begins: What it begins with, where it checks a request: ``"policy 'fdp:prop>vision'"``; empty in an episode.
    """

    begins: str = ""


class InferenceLostError(Exception):
    """The inference process ended while a worker waited for its answer."""


@dataclass(frozen=True)
class Failure:
    """An error that its process cannot go on from, as it crosses the process border.

    Attributes:
        kind: Name of the error's class; empty where it is none of the package's own.
        message: Its text.
        details: Its traceback, for `--debug`.
    """

    kind: str
    message: str
    details: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The error being handled."""
        kind = type(error).__name__ if isinstance(error, (FdpBenchError, InferenceLostError)) else ""
        return cls(
            kind, str(error) if kind else describe_error(error), traceback.format_exc()[-MOST_DETAILS:]
        )

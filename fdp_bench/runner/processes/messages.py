"""What any process of a run may say to its parent."""

import traceback
from dataclasses import dataclass

from fdp_bench.api.errors import FdpBenchError
from fdp_bench.runner.rollout.plugin_calls import told

#: Most characters of a traceback that cross a process border: its end.
MOST_DETAILS = 20_000


@dataclass(frozen=True)
class TimesRequest:
    """Asks a worker for its seconds by phase; see `fdp_bench.runner.rollout.timing`."""


@dataclass(frozen=True)
class Started:
    """A worker is about to start an episode; if it dies before the record, the episode is a suspect.

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
        return cls(kind, str(error) if kind else told(error), traceback.format_exc()[-MOST_DETAILS:])

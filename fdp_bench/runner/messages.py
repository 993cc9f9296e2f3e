"""What any process of a run may say to its parent."""

import traceback
from dataclasses import dataclass

from fdp_bench.api.errors import FdpBenchError


@dataclass(frozen=True)
class TimesRequest:
    """Asks a worker for its seconds by phase; see `fdp_bench.runner.timing`."""


@dataclass(frozen=True)
class Started:
    """A worker is about to start an episode; if it dies before the record, the episode is a suspect.

    Attributes:
        episode: The episode's id.
    """

    episode: str


@dataclass(frozen=True)
class Beat:
    """A worker is alive and getting on, though no episode has ended for a while."""


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
    def of(cls, error: Exception) -> "Failure":
        """The error being handled."""
        kind = type(error).__name__ if isinstance(error, (FdpBenchError, InferenceLostError)) else ""
        return cls(kind, str(error) if kind else f"{type(error).__name__}: {error}", traceback.format_exc())

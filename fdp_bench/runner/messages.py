"""What any process of a run may say to its parent."""

import traceback
from dataclasses import dataclass

from fdp_bench.api.errors import FdpBenchError


@dataclass(frozen=True)
class TimesRequest:
    """Asks a worker for its seconds by phase; see `fdp_bench.runner.timing`."""


@dataclass(frozen=True)
class Failure:
    """An error that ends the run, as it crosses the process border.

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
        kind = type(error).__name__ if isinstance(error, FdpBenchError) else ""
        return cls(kind, str(error) if kind else f"{type(error).__name__}: {error}", traceback.format_exc())

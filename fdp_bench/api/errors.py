"""Errors that a user may see: one line, with the bad value, the rule and the way out."""

import difflib
from collections.abc import Iterable


class FdpBenchError(Exception):
    """Base of all errors raised on purpose. The command line prints its message without a traceback.

    Attributes:
        exit_code: Exit status of the command line when this error ends it.
    """

    exit_code = 2


class SpecError(FdpBenchError):
    """A policy, shift, task or order string is malformed or names something unknown."""


class ShiftConfigError(FdpBenchError):
    """A shift was given a severity or an option outside its documented range."""


class UnsupportedShiftError(FdpBenchError):
    """A shift cannot act on this environment; it must not pass as a clean run."""


class CheckpointError(FdpBenchError):
    """Weights are missing, of an unsafe format, damaged, or made for something else."""


class DatasetError(FdpBenchError):
    """A demonstration file is missing, truncated, or of another task."""


class RunError(FdpBenchError):
    """A run's folder cannot be read, written or resumed."""


class RepeatedError(RunError):
    """Episodes of an arm end in one and the same error, one after the other.

    Attributes:
        traceback: Where the plugin's code raised; empty where it did not.
    """

    def __init__(self, text: str, traceback: str = "") -> None:
        super().__init__(text)
        self.traceback = traceback


class RenderingError(FdpBenchError):
    """No off-screen OpenGL implementation can be used on this machine."""


class PluginError(FdpBenchError):
    """A plugin cannot be loaded, or its name is claimed by two distributions."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Phrase the closest valid name as the end of an error message.

    Args:
        name: What the user typed.
        valid: The names that would have been accepted.

    Returns:
        ``"; did you mean 'x'?"`` when something is close, otherwise ``"; valid: a, b, c"``.
    """
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return "; valid: " + (", ".join(names) if names else "(none)")

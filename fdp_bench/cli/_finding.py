"""What a check of ``fdp-bench doctor`` found."""

from dataclasses import dataclass

OK, INFO, WARNING, PROBLEM = "ok", "info", "warning", "problem"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        status: `OK`, `INFO` (a part is not installed, and need not be), `WARNING` (a part does not work, or less
            well) or `PROBLEM` (the main job does not work).
        what: What was looked at.
        text: What was found.
        mend: What to do about it; empty for `OK`.
    """

    status: str
    what: str
    text: str
    mend: str = ""

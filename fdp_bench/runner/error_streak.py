"""Stops a run whose episodes end in one and the same error: what is wrong will not mend itself."""

from fdp_bench.api.episode import EpisodeRecord
from fdp_bench.api.errors import RepeatedError

#: Equal errors in a row of one arm that stop a run.
EQUAL_ERRORS = 3


class ErrorStreak:
    """Counts errors as records come.

    Args:
        max_errors: Errors that may come before a streak counts; None to stop at none.
    """

    def __init__(self, max_errors: int | None) -> None:
        self._max_errors = max_errors
        self._errors = 0
        self._streaks: dict[tuple[str, str, str], tuple[str, int]] = {}

    def take(self, record: EpisodeRecord) -> None:
        """Count a record.

        Raises:
            RepeatedError: If it is the third of its arm with one and the same error, with none between, and more than
                `max_errors` episodes have ended in an error.
        """
        arm = record.spec.arm
        if not record.error:
            self._streaks.pop(arm, None)
            return
        self._errors += 1
        text, count = self._streaks.get(arm, ("", 0))
        count = count + 1 if text == record.error else 1
        self._streaks[arm] = record.error, count
        if self._max_errors is None or self._errors <= self._max_errors or count < EQUAL_ERRORS:
            return
        raise RepeatedError(
            f"{count} episodes in a row of {record.spec.policy}, {record.spec.shift}, ended in the same error: "
            f"{record.error}; correct it and add --retry-errors, or let the run go on with --max-errors N",
            record.traceback,
        )

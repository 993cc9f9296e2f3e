"""What a phase of training measured, as its card and a killed phase's folder keep it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fdp_bench.api import CheckpointError
from fdp_bench.api.validation import check_entries, check_fields, check_value
from fdp_policies.training.losses import SenseReport


@dataclass
class PhaseLog:
    """What a phase measured; one row an evaluation.

    Attributes:
        rows: One an evaluation.
        steps: Gradient steps taken.
        wall_time_s: Seconds that they took.
        stopped: ``"plateau"``, ``"budget"``, or ``"solved"`` for weights that no steps led to; empty until it ends.
        senses: Last `fdp_policies.training.losses.SenseReport`.
        decay_from: Step that the decay of a phase with `LAST_FIFTH` began with; 0 before.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    wall_time_s: float = 0.0
    stopped: str = ""
    senses: dict[str, Any] = field(default_factory=dict)
    decay_from: int = 0

    @classmethod
    def checked(cls, data: Any, where: str) -> "PhaseLog":
        """Make a log of what a file holds.

        Args:
            data: The file's entry.
            where: The file, for the message.

        Raises:
            CheckpointError: If it is of another kind.
        """
        try:
            check_fields(cls, data, "log")
            for row in data.get("rows", ()):
                check_entries(row, {"heldout_loss": float}, "log.rows[]", needed=("step", "heldout_loss"))
                check_value(row["step"], int, "log.rows[].step")
        except ValueError as error:
            raise CheckpointError(
                f"the training log in {where} is malformed: {error}; train it again"
            ) from None
        return cls(**data)

    @property
    def losses(self) -> list[tuple[int, float]]:
        """(step, held-out loss of the EMA weights) so far."""
        return [(row["step"], row["heldout_loss"]) for row in self.rows]


def sense_columns(senses: SenseReport) -> Mapping[str, float]:
    """A sense report as columns of the log."""
    columns = {}
    for name in senses.shuffled:
        columns[f"shuffled_{name}"] = senses.shuffled[name]
        columns[f"masked_{name}"] = senses.masked[name]
        low, rise, high = senses.rise[name]
        columns |= {f"rise_{name}": rise, f"rise_{name}_low": low, f"rise_{name}_high": high}
    return columns

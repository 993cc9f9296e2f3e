"""What came of trainings, for the terminal."""

import textwrap
from collections.abc import Sequence

from fdp_bench.training.job import Trained

HEADERS = ("policy", "demos", "seed", "steps", "held-out loss", "warnings", "seconds", "state")
#: Columns of text; the others hold numbers and are aligned to the right.
_TEXT = ("policy", "state")
_WIDTH = 110


def training_table(outcomes: Sequence[Trained]) -> str:
    """One row a training, with warnings and errors below; lines without a trailing newline."""
    lines = [HEADERS, *map(_row, outcomes)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADERS))]
    aligned = [
        "  ".join(
            cell.ljust(width) if name in _TEXT else cell.rjust(width)
            for cell, width, name in zip(line, widths, HEADERS, strict=True)
        ).rstrip()
        for line in lines
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    notes = [
        line
        for outcome in outcomes
        for text in (*outcome.warnings, *((f"failed: {outcome.error}",) if outcome.error else ()))
        for line in textwrap.wrap(
            f"{outcome.job.name}: {text}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False
        )
    ]
    return "\n".join([aligned[0], rule, *aligned[1:], rule, *notes])


def _row(outcome: Trained) -> tuple[str, ...]:
    job, loss = outcome.job, outcome.heldout_loss
    return (
        job.policy,
        str(job.num_demos),
        str(job.seed),
        "-" if outcome.steps is None else str(outcome.steps),
        "-" if loss is None else f"{loss:.4f}",
        str(len(outcome.warnings) or "-"),
        f"{outcome.seconds:.0f}",
        outcome.status,
    )

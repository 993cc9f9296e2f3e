"""What a complete run came to: its table, what went wrong in it, the next command, and the exit code."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.cli.main import PROGRAM

if TYPE_CHECKING:
    from fdp_bench.records.store import RunStore

#: Exit code of a complete run with more errors than --max-errors.
TOO_MANY_ERRORS = 4


def show_run(
    store: "RunStore",
    *,
    also_on_stderr: bool = False,
    max_errors: int = 0,
    next_report: Path | None = None,
) -> int:
    """Print a complete run's table, what to do next, and on standard error what went wrong.

    Args:
        store: The run.
        also_on_stderr: Whether the table goes there, too.
        max_errors: Episodes that may have ended in an error.
        next_report: Folder whose report is the next step; None where something else is.

    Returns:
        The exit code.
    """
    from collections import Counter

    from fdp_bench.cli._run_notes import (
        decisions_text,
        errors_text,
        incidents_text,
        retest_text,
        shard_text,
        shout_differences,
    )
    from fdp_bench.report.runs import probed_latencies
    from fdp_bench.report.tables.summary import summarize
    from fdp_bench.report.text.terminal import terminal_table
    from fdp_bench.runner.retest import read_retest

    records = store.records()
    retest = read_retest(store)
    summary = summarize(records, probed_latencies([store.manifest()]))
    parts = [terminal_table(summary), shard_text(store), decisions_text(store)]
    if retest is not None:
        parts.append(retest_text(retest, min(Counter(record.spec.arm for record in records).values())))
    table = "\n\n".join(filter(None, parts))
    if store.manifest().shard:
        table += f"\n\nnext, when all shards are there: {PROGRAM} merge RUN... --out DIR"
    elif next_report is not None:
        table += f"\n\nnext: {shlex.join([PROGRAM, 'report', str(next_report)])}"
    print(table)
    if also_on_stderr:
        print(table, file=sys.stderr)
    errors = [record for record in records if record.status != "ok"]
    for text in (incidents_text(store), errors_text(store, errors, len(records))):
        if text:
            print(text, file=sys.stderr)
    if retest is not None and retest.differing:
        shout_differences(store, retest)
        return 1
    return TOO_MANY_ERRORS if len(errors) > max_errors else 0

"""The README's table of results, made from a committed summary: ``python -m tests.findings results/robustness``.

The table stands between ``<!-- findings of FOLDER -->`` and ``<!-- end of findings -->``; a test holds it to FOLDER's
summary.csv. To replace the results, name another folder on the command line, then write the sentences below the table.
"""

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
#: Severity that is shown of a shift with several.
LEVEL = "@3"
MARKED = re.compile(r"<!-- findings of (\S+) -->\n.*?<!-- end of findings -->", re.DOTALL)


def table(folder: str) -> str:
    """Success of each policy, clean and under each shift at level 3, with its spread.

    Args:
        folder: Folder of a report, relative to the repository.
    """
    with (ROOT / folder / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["shift"] == "clean" or LEVEL in row["shift"]]
    shifts = list(dict.fromkeys(row["shift"] for row in rows))
    cells: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        task = row["task"].partition("/")[2].rpartition("-v")[0]
        cells[task, re.sub(r"@[^?]*", "", row["policy"])][row["shift"]].append(row)
    names = [f"`{shift.replace(LEVEL, '')}`" if shift != "clean" else shift for shift in shifts]
    lines = [f"|task|policy|training seeds|{'|'.join(names)}|", f"|---|---|---:|{'---:|' * len(names)}"]
    for (task, policy), by_shift in sorted(cells.items()):
        seeds = len({row["train_seed"] for found in by_shift.values() for row in found})
        shown = [cell(by_shift[shift]) for shift in shifts]
        lines.append(f"|{task}|`{policy}`|{seeds}|{'|'.join(shown)}|")
    return "\n".join(lines)


def cell(rows: Sequence[dict[str, str]]) -> str:
    """A rate in percent with its 95% interval; of several training seeds the mean rate and the range of rates."""
    if not rows:
        return ""
    rates = [float(row["success_rate"]) for row in rows]
    low, high = min(rates), max(rates)
    if len(rows) == 1:
        low, high = float(rows[0]["success_low"]), float(rows[0]["success_high"])
    return f"**{100 * sum(rates) / len(rates):.0f}** ({100 * low:.0f}-{100 * high:.0f})"


def filled(page: str, folder: str) -> str:
    """A page with the table of a folder between its marks."""
    return MARKED.sub(
        lambda _: f"<!-- findings of {folder} -->\n\n{table(folder)}\n\n<!-- end of findings -->", page
    )


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8"), sys.argv[1].rstrip("/")), encoding="utf-8")

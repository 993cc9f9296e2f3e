"""Write the measured tables into docs/explanation/speed.md: ``python -m benchmarks.report``.

Between ``<!-- table:NAME -->`` and ``<!-- /table:NAME -->`` stands what `NAME.json` says, as the script's own `table`
writes it; ``cost`` stands for `benchmarks.cost`. A table whose figures are missing is left as it is. With ``--check``
nothing is written, and the exit code is 1 where a table is not what its figures say.
"""

import argparse
import importlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "speed.md"
#: Tables that are not a script's own -> module and the script whose figures they are made from.
DERIVED = {"cost": ("cost", "scaling")}

_MARKED = re.compile(r"(<!-- table:(?P<name>[a-z]+) -->\n).*?(<!-- /table:(?P=name) -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--json", type=Path, default=ROOT / "results" / "benchmarks", metavar="DIR")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a table is out of date"
    )
    args = parser.parse_args(arguments)
    old = args.page.read_text()
    new = filled(old, lambda name: table_of(name, args.json))
    if args.check:
        return int(new != old)
    args.page.write_text(new)
    return 0


def filled(text: str, table: Callable[[str], str | None]) -> str:
    """Replace what stands between markers.

    Args:
        text: Markdown with markers.
        table: Name -> Markdown, or None to leave the table as it is.
    """

    def replacement(match: re.Match[str]) -> str:
        made = table(match["name"])
        return match[0] if made is None else f"{match[1]}{made}\n{match[3]}"

    return _MARKED.sub(replacement, text)


def table_of(name: str, folder: Path) -> str | None:
    """A table from the figures in a folder, with a line on where they were measured; None without figures."""
    module, script = DERIVED.get(name, (name, name))
    path = folder / f"{script}.json"
    if not path.is_file():
        return None
    figures: dict[str, Any] = json.loads(path.read_text())
    made: str = importlib.import_module(f"benchmarks.{module}").table(figures)
    return f"{made}\n\n{provenance(figures, path.name)}"


def provenance(figures: dict[str, Any], file: str) -> str:
    """Where figures were measured, in one line."""
    machine = figures.get("machine")
    if not isinstance(machine, dict):
        return f"({file})"
    commit = machine.get("git", {}).get("commit", "")[:12]
    known = [f"{machine['cpu']}, {machine['cores']} cores"]
    known += [f"commit {commit}"] * bool(commit) + ["a quick run"] * bool(figures.get("quick"))
    return f"({file}: {', '.join(known)})"


if __name__ == "__main__":
    sys.exit(main())

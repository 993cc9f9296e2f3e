"""Everything that must not lose a number, done to it: ``python -m tests.torture [NAME ...] [--quick] [--out DIR]``.

Each torture leaves ``DIR/NAME.json`` (default: results/torture), and ``DIR/README.md`` is written anew from all files
that are there. The exit code is 1 if one of them did not come out as it should, or could not be run here.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from fdp_bench.records.provenance import git_state, machine, versions
from tests.torture import disk, faults, fuzzing, kills, memory, nodes, worker

TORTURES: dict[str, Any] = {
    "kills": kills,
    "faults": faults,
    "fuzzing": fuzzing,
    "nodes": nodes,
    "disk": disk,
    "memory": memory,
    "worker": worker,
}
OUT = Path(__file__).resolve().parents[2] / "results" / "torture"


def main() -> int:
    """Run what is asked for and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TORTURES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a few of each: does it run, not the figures")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="folder of the figures (default: results/torture)"
    )
    args = parser.parse_args()
    for name in args.names:
        if name not in TORTURES:
            parser.error(f"torture {name!r} is not known; choose from {', '.join(TORTURES)}")
    args.out.mkdir(parents=True, exist_ok=True)
    passed = [run(name, args.out, quick=args.quick) for name in args.names or TORTURES]
    (args.out / "README.md").write_text(page(args.out))
    return 0 if all(passed) else 1


def run(name: str, folder: Path, *, quick: bool) -> bool:
    """Do one and write its figures down; whether it came out as it should."""
    source, begun = git_state(), time.monotonic()
    figures = TORTURES[name].measure(quick=quick)
    figures = {
        "command": shlex.join(["python", "-m", "tests.torture", name, *["--quick"] * quick]),
        **figures,
        "wall_time_s": round(time.monotonic() - begun, 1),
        "machine": machine("cpu"),
        "versions": versions(),
        "git": source,
    }
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(
        f"{name}: {'as it should' if figures['passed'] else 'FAILED'}: {TORTURES[name].words(figures)}",
        flush=True,
    )
    return bool(figures["passed"])


def page(folder: Path) -> str:
    """The table of all figures in a folder, as Markdown."""
    lines = [
        "# Torture",
        "",
        "What is done to the suite, and what came of it. Made by `python -m tests.torture`; command, machine, versions",
        "and commit of each line stand in its file.",
        "",
        "| file | what is done | what came of it | as it should |",
        "|---|---|---|---|",
    ]
    for name, torture in TORTURES.items():
        file = folder / f"{name}.json"
        if file.is_file():
            figures = json.loads(file.read_text())
            verdict = "yes" if figures["passed"] else "**no**"
            verdict += ", a quick run" * ("--quick" in figures["command"])
            lines.append(
                f"| [{name}.json]({name}.json) | {torture.WHAT} | {torture.words(figures)} | {verdict} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

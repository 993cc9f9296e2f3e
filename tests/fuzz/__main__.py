"""``python -m tests.fuzz [NAME ...] [--examples 10000] [--json FILE]``: each way in, in a process of its own.

The exit code is 1 if an input raised a traceback, ran, or ended its process.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import watch
from .surfaces import SURFACES, fuzz


def measure(names: list[str], examples: int) -> dict[str, dict[str, Any]]:
    """Fuzz every way in; returns name -> ``examples``, ``refused``, ``tracebacks``, ``code_run``, ``crashes`` ..."""
    found = {}
    # Dear inputs, of which there are fewer, begin first, so that nothing waits for them at the end.
    dear_first = sorted(names, key=lambda name: SURFACES[name].share)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = {name: pool.submit(_in_a_process, name, examples) for name in dear_first}
        for name in names:
            row = rows[name].result()
            found[name] = row
            figures = ", ".join(
                f"{row[key]} {key}" for key in ("examples", "tracebacks", "code_run", "crashes")
            )
            print(f"{name}: {figures}", flush=True)
            for place, text in row.get("texts", {}).items():
                print(f"--- {place}\n{text}\n", file=sys.stderr)
    return found


def _in_a_process(name: str, examples: int) -> dict[str, Any]:
    """Fuzz one way in."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "tally.json")
        options = ["--examples", str(examples), "--one", str(out)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", name, *options],
            check=False,
            stderr=subprocess.PIPE,
            text=True,
        )
        whole = (
            json.loads(out.read_text()) if out.exists() else {"examples": 0, "tracebacks": 0, "code_run": 0}
        )
        if done.returncode < 0:
            end = signal.Signals(-done.returncode).name
            whole |= {"crashes": 1, "texts": {end: done.stderr[-3000:]}}
        elif not out.exists():
            whole |= {"crashes": 1, "texts": {"ended early": done.stderr[-3000:]}}
    return {"crashes": 0, **whole}


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SURFACES))
    parser.add_argument("--examples", type=int, default=10_000, help="inputs of each (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in SURFACES]
    if unknown:
        parser.error(f"unknown {unknown[0]!r}; valid: {', '.join(SURFACES)}")
    if arguments.one:
        watch.hang_limit_s = 300.0
        arguments.one.write_text(json.dumps(fuzz(arguments.names[0], arguments.examples).to_json()))
        return 0
    found = measure(arguments.names or list(SURFACES), arguments.examples)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["tracebacks"] or row["code_run"] or row["crashes"] for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())

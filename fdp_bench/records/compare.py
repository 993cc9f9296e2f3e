"""Compare two runs: ``python -m fdp_bench.records.compare RUN_A RUN_B``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fdp_bench.api.errors import FdpBenchError
from fdp_bench.records.equality import compare_records


def main(argv: Sequence[str] | None = None) -> int:
    """Print the first differences; exit status 0 for equal runs, 1 for different ones, 2 for an error."""
    parser = argparse.ArgumentParser(prog="python -m fdp_bench.records.compare", description=__doc__)
    parser.add_argument("run_a", type=Path)
    parser.add_argument("run_b", type=Path)
    parser.add_argument("--show", type=int, default=20, help="differences to print (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        differences = compare_records(arguments.run_a, arguments.run_b)
    except FdpBenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for line in differences[: arguments.show]:
        print(line)
    total = len(differences)
    print(f"{total} differences" if total else "equal, wall times aside")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())

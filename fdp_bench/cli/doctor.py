"""Check rendering, versions, plugins, weights and folders, and say how to mend what is wrong.

Exit code 0 when the main job works here (warnings allowed), 1 otherwise.
"""

import argparse
import textwrap
from typing import TYPE_CHECKING

from fdp_bench.cli.main import SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.cli._finding import Finding

SUMMARY = SUBCOMMANDS["doctor"]
_WIDTH = 110
EXTRAS = ("all", "diffusion", "lerobot-data", "ray", "robosuite", "robotics")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument(
        "--extra",
        action="append",
        default=[],
        metavar="NAME",
        choices=EXTRAS,
        help=f"an extra that must be installed ({', '.join(EXTRAS)}); without this, one that is not is no problem",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns 1 where there is a problem."""
    from fdp_bench.cli._finding import PROBLEM, WARNING
    from fdp_bench.cli._health import findings

    found = []
    for finding in findings(args.extra):
        found.append(finding)
        print("\n".join(finding_lines(finding)), flush=True)
    problems, warnings = (sum(finding.status == status for finding in found) for status in (PROBLEM, WARNING))
    print(f"\nproblems: {problems}, warnings: {warnings}")
    return 1 if problems else 0


def finding_lines(finding: "Finding") -> list[str]:
    """A finding as text: status, what was looked at, what was found; and below it how to mend it."""
    indent = " " * 20
    lines = textwrap.wrap(
        finding.text,
        _WIDTH,
        initial_indent=f"{finding.status:<8}{finding.what:<12}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.mend:
        lines.append(f"{indent}mend: {finding.mend}")
    return lines

"""``fdp-bench``: finds the subcommand and imports only that one's module."""

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fdp_bench import __version__
from fdp_bench.cli._output import outlive_readers
from fdp_bench.cli._parser import USAGE_ERROR, Parser

PROGRAM = "fdp-bench"
#: Subcommand -> what `fdp-bench --help` says of it. Its module is ``fdp_bench.cli.<name>``.
SUBCOMMANDS = {
    "run": "evaluate policies, clean and under shifts, and print the table",
    "sweep": "plan, train and run a whole experiment, and resume it",
    "merge": "join the shards of a run that several machines shared",
    "report": "write tables, plots and film strips of runs",
    "compare": "compare two runs on the same episodes",
    "baseline": "write a run as a baseline file",
    "check": "fail when a policy has become worse than its baseline",
    "diagnose": "say which sense a policy listens to, and which documented failures it shows",
    "shifts": "show what shifts do: pictures at every level, tables of parameters and effects",
    "list": "show tasks, policies and shifts",
    "doctor": "check rendering, versions and weights, and say how to mend what is wrong",
    "demos": "collect demonstrations with a scripted expert, import, pack and describe them",
    "train": "train a policy on demonstrations",
    "calibrate": "find from clean episodes when a guarded policy falls back to its base",
}
FIRST_COMMAND = 'fdp-bench run --policy "fdp:prop>vision" --shift occlusion'
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; `sys.argv`'s if None.

    Returns:
        The exit code: 0 for success, 2 for bad input, 130 after Ctrl-C.

    Raises:
        SystemExit: From argparse, for help and for a malformed command line.
    """
    outlive_readers()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        _top_parser().print_help()
        return 0
    name, rest = arguments[0], arguments[1:]
    if name.startswith("-"):
        _top_parser().parse_args(arguments)
        return 0
    if name not in SUBCOMMANDS:
        print(f"error: unknown subcommand {name!r}{_nearest(name)}", file=sys.stderr)
        return USAGE_ERROR
    return _run_subcommand(name, rest)


def subcommand_parser(name: str) -> tuple[ModuleType, Parser]:
    """A subcommand's module and its argument parser."""
    module = importlib.import_module(f"fdp_bench.cli.{name}")
    parser = Parser(
        prog=f"{PROGRAM} {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return module, parser


def _run_subcommand(name: str, arguments: Sequence[str]) -> int:
    module, parser = subcommand_parser(name)
    parser.set_defaults(command_line=[PROGRAM, name, *arguments])
    parsed = parser.parse_args(arguments)
    try:
        code: int = module.run(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except Exception as error:
        from fdp_bench.api.errors import FdpBenchError

        if parsed.debug or not isinstance(error, FdpBenchError | OSError):
            raise
        for line in getattr(error, "traceback", "").splitlines():
            print(f"  {one_line(line)}", file=sys.stderr)
        print(f"error: {one_line(_told(error))}", file=sys.stderr)
        return error.exit_code if isinstance(error, FdpBenchError) else USAGE_ERROR
    return code


def _told(error: Exception) -> str:
    """An error in words; of the system's own, such as a path that is too long or may not be looked at, which path."""
    if not isinstance(error, OSError):
        return str(error)
    paths = [repr(str(path)) for path in (error.filename, error.filename2) if path is not None]
    why = error.strerror or str(error) or type(error).__name__
    return f"{' and '.join(paths) or 'the system'}: {why} (--debug shows where)"


def distrust_working_folder() -> None:
    """Find no module in the working folder, where ``python -m`` puts it first and ``fdp-bench`` does not look.

    What lies there may be a stranger's, like the run beside it that is to be reported. ``PYTHONPATH`` is not touched.
    """
    if not sys.flags.safe_path and sys.path[:1] in ([str(Path.cwd())], [""]):
        del sys.path[0]


def one_line(text: str) -> str:
    """Text on one line; what would steer a terminal, as a stranger's file may hold it, is spelt out."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode()
        for sign in " ".join(text.split())
    )


def _top_parser() -> Parser:
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in SUBCOMMANDS.items()]
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [--help] [--version] SUBCOMMAND ...",
        description="Benchmark robot policies under sensor shifts.",
        epilog="\n".join(["subcommands:", *lines, "", f"first command:  {FIRST_COMMAND}"]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, SUBCOMMANDS, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "; valid: " + ", ".join(SUBCOMMANDS)


if __name__ == "__main__":
    distrust_working_folder()
    sys.exit(main())

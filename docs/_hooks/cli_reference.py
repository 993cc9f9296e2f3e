"""Writes the page `reference/cli.md` from the argument parsers of ``fdp-bench``."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PAGE = "reference/cli.md"
INTRODUCTION = """# Command line

This page is made from the argument parsers, so it says what `fdp-bench SUBCOMMAND --help` says.
Every subcommand also takes `--debug`, which shows the traceback of an error.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the site."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """The page's Markdown."""
    sys.path.insert(0, str(ROOT))
    from fdp_bench.cli.main import SUBCOMMANDS, subcommand_parser

    sections = [section(subcommand_parser(name)[1]) for name in SUBCOMMANDS]
    return "\n".join([INTRODUCTION, *sections])


def section(parser: argparse.ArgumentParser, level: int = 2) -> str:
    """One parser and its subparsers: heading, description, arguments."""
    summary, _, rest = (parser.description or "").strip().partition("\n\n")
    lines = [f"{'#' * level} {parser.prog}", "", " ".join(summary.split()), ""]
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    lines += ["```text", usage, "```", ""]
    if rest.strip():
        lines += ["```text", rest.strip("\n"), "```", ""]
    rows = list(argument_rows(parser))
    if rows:
        lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, nested in action.choices.items():
                nested.description = nested.description or helps.get(name)
                lines.append(section(nested, level + 1))
    return "\n".join(lines)


def argument_rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Table rows of a parser's arguments; those that every parser has are left out."""
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.dest in ("help", "debug") or isinstance(action, argparse._SubParsersAction):
            continue
        if action.option_strings:
            value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
            names = " ".join(
                filter(None, [", ".join(action.option_strings), value if action.nargs != 0 else ""])
            )
        else:
            names = formatter._format_args(action, formatter._get_default_metavar_for_positional(action))
        required = " (required)" if action.required and action.option_strings else ""
        meaning = formatter._expand_help(action) if action.help else ""
        yield f"| `{names}` | {escaped(meaning)}{required} |"


def escaped(text: str) -> str:
    """Help text as it stands, inside a Markdown table."""
    marked = re.sub(r"[\\|*_`\[\]]", lambda sign: "\\" + sign[0], " ".join(text.split()))
    return marked.replace("<", "&lt;")

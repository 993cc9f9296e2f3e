"""An argument parser whose errors are one line, with the nearest option that exists."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

#: Exit code for a command line that makes no sense.
USAGE_ERROR = 2


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` without abbreviated options and with suggestions."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, allow_abbrev=False)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse, and end the program with one line on what is wrong."""
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parsers = [self, *self.actions()]
            options = [text for each in parsers for action in each._actions for text in action.option_strings]
            close = difflib.get_close_matches(unknown[0].partition("=")[0], options, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else f" (`{self.prog} --help` shows all)"
            self.error(f"unknown argument {unknown[0]!r}{hint}")
        return namespace

    def actions(self) -> "list[Parser]":
        """Parsers of the actions that a subcommand has, as `fdp-bench shifts` has ``preview`` and ``table``."""
        return [
            parser
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
            for parser in action.choices.values()
        ]

    def error(self, message: str) -> NoReturn:
        """Print one line on standard error and exit with code 2."""
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(USAGE_ERROR)

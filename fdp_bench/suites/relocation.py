"""Text that is published without the paths of the machine that it comes from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeRecord

#: An absolute path up to its last separator: two folders at least, so that "km /h" is none, and no part of an address.
_FOLDERS = re.compile(r"""(?<![\w.:/~-])/(?:[^\s/"'`:;,()<>|]+/)+""")


@dataclass(frozen=True)
class Relocation:
    """How paths of a machine are written in what is published.

    Attributes:
        prefixes: Text that paths begin with -> what stands in its place; the first that fits counts. Of any other
            absolute path the last part alone is kept.
    """

    prefixes: Mapping[str, str]

    @classmethod
    def of(cls, root: Path, name: str) -> "Relocation":
        """That of a folder.

        Args:
            root: The folder whose files are published.
            name: What the folder is called in them; paths below the working folder become relative to it.
        """
        return cls({f"{root.absolute()}/": f"{name}/", f"{Path.cwd()}/": ""})

    def text(self, text: str) -> str:
        """A text without absolute paths; those that are relative stay as they are."""
        for prefix, instead in self.prefixes.items():
            text = text.replace(prefix, instead)
        return _FOLDERS.sub("", text)

    def json(self, value: Any) -> Any:
        """Plain data with every text in it so written; keys stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.json(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(entry) for entry in value]
        return value

    def record(self, record: EpisodeRecord) -> EpisodeRecord:
        """An episode's record so written. Its id changes only where its policy's weights had an absolute path."""
        spec = replace(record.spec, policy=self.text(record.spec.policy))
        return replace(record, spec=spec, error=self.text(record.error), said=self.text(record.said))

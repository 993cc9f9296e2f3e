"""The code blocks of README.md and docs/, and how a reader's shell would run them.

Every fenced block is one of four kinds:

- ``text`` is output, shown and not run;
- a block with a ``title`` is a file of that name, which the reader saves;
- ``bash`` is typed into a shell and ``python`` into an interpreter, in the folder of the page's files;
- a block below a line ``*Not run by the tests: REASON.*`` is left out, and the reader sees that.
"""

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Pages that take minutes; `tests/smoke` runs them.
SLOW = ("README.md", "docs/index.md", "docs/tutorials/environment.md")
OUTPUT, RUN = ("text",), ("bash", "python")
NOT_RUN = re.compile(r"\*Not run by the tests: \S.*\.\*")
_FENCE = re.compile(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        line: Number of its first line in the page.
        language: First word behind the fence.
        title: Name of the file that it is; empty if it is typed.
        text: What is between the fences.
        before: The last line above it that is not empty.
    """

    line: int
    language: str
    title: str
    text: str
    before: str

    @property
    def is_left_out(self) -> bool:
        """Whether the page says that it is not run."""
        return NOT_RUN.fullmatch(self.before) is not None


def page_names() -> list[str]:
    """All pages whose blocks are held to the rules, relative to the repository."""
    return ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        above = text[: match.start()]
        language, _, rest = match[2].strip().partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        indent = len(match[1])
        found.append(
            Block(
                line=above.count("\n") + 1,
                language=language,
                title=title[1] if title else "",
                text="".join(line[indent:] or "\n" for line in match[3].splitlines(keepends=True)),
                before=next((line.strip() for line in reversed(above.splitlines()) if line.strip()), ""),
            )
        )
    return found


def is_run(page: str) -> bool:
    """Whether a page has a block that is typed."""
    return any(
        block.language in RUN and not block.title and not block.is_left_out for block in blocks_of(page)
    )


def run_page(page: str, folder: Path) -> str:
    """Save the page's files and run its commands, in order, as written, in one shell's environment.

    Args:
        page: Name of the page, relative to the repository.
        folder: An empty folder. Commands run in ``folder/work``.

    Returns:
        What the commands print on standard output.
    """
    work, bin_folder, site = (folder / name for name in ("work", "bin", "site"))
    for made in (work, bin_folder, site):
        made.mkdir()
    pip, exported = bin_folder / "pip", folder / "exported.sh"
    stand_in = Path(__file__).with_name("pip_stand_in.py")
    pip.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "{site}" "$@"\n', encoding="utf-8")
    pip.chmod(0o755)
    exported.touch()
    paths = (str(bin_folder), sysconfig.get_path("scripts"), os.environ["PATH"])
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(site)}
    shown = ""
    for block in blocks_of(page):
        if block.is_left_out or block.language in OUTPUT:
            continue
        if block.title:
            file = work / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
            continue
        command = [sys.executable, "-c", block.text]
        if block.language == "bash":
            script = f'. "{exported}"\n{block.text}\nexport -p > "{exported}"'
            command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page}:{block.line}\n{block.text}\n{done.stdout}\n{done.stderr}"
        shown += done.stdout
    return shown

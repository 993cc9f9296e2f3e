"""The example of docs/tutorials/environment.md, taken from the page: environment, map and demonstrations."""

import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest
from doc_pages import blocks_of

from fdp_bench.tasks.external import registry

PAGE = "docs/tutorials/environment.md"


def page_file(title: str) -> str:
    """What the page says to save under a name."""
    (found,) = [block.text for block in blocks_of(PAGE) if block.title == title]
    return found


def write_example(folder: Path) -> None:
    """Write the example's environment and map as a reader of the page does."""
    for title in ("reach.py", "reach.toml"):
        (folder / title).write_text(page_file(title), encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder that holds reach.py and reach.toml; nothing of it outlives the test."""
    write_example(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_remembered", {})
    yield tmp_path
    sys.modules.pop("reach", None)
    gymnasium.registry.pop("mine/Reach-v0", None)

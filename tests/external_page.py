"""The example of fdp_bench/tasks/README.md, taken from the page: environment, map and demonstrations."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from fdp_bench.tasks.external import registry

PAGE = Path(__file__).resolve().parents[1] / "fdp_bench" / "tasks" / "README.md"


def page_block(language: str, holding: str) -> str:
    """The page's only code block of a language that holds a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if holding in block]
    return found


def write_example(folder: Path) -> None:
    """Write the example's environment and map as a reader of the page does."""
    (folder / "reach.py").write_text(page_block("python", "class Reach"), encoding="utf-8")
    (folder / "reach.toml").write_text(page_block("toml", "mine/ReachByEye-v0"), encoding="utf-8")


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

"""What tox.ini names exists: a test file that was renamed would otherwise be missed when its environment runs next."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def paths_in(text: str) -> list[str]:
    """Paths below the project's root that a tox file names: behind {tox_root}, or relative ones of several parts."""
    found = re.findall(r"(\{\w+\}\{/\})?([\w.-]+(?:\{/\}[\w.-]+)*)", text)
    return [
        path.replace("{/}", "/")
        for folder, path in found
        if folder == "{tox_root}{/}" or (not folder and "{/}" in path)
    ]


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("pytest {posargs} tests{/}stats tests{/}test_wheel.py", ["tests/stats", "tests/test_wheel.py"]),
        ("pytest -c {tox_root}{/}pyproject.toml --ignore=tests{/}smoke", ["pyproject.toml", "tests/smoke"]),
        ("hatchling build --directory {env_tmp_dir}{/}dist {posargs}", []),
    ],
    ids=["relative", "below the root", "temporary"],
)
def test_paths_are_found_in_a_command(line, paths):
    assert paths_in(line) == paths


def test_every_path_in_tox_ini_exists():
    named = paths_in((ROOT / "tox.ini").read_text(encoding="utf-8"))

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []

"""The measured success of the scripted experts, as committed under ``results/demos``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]
#: Where the files are: in the wheel, and in a checkout.
_FOLDERS = (_PACKAGE / "demos" / "results", _PACKAGE.parent / "results" / "demos")


def expert_results(short_name: str) -> Mapping[str, Any] | None:
    """What ``python -m fdp_bench.demos.measure`` wrote for a task.

    Args:
        short_name: For instance ``"Can"``.

    Returns:
        The file's content; None where there is no such file.
    """
    for folder in _FOLDERS:
        path = folder / f"{short_name.lower()}-expert.json"
        if path.is_file():
            content: Mapping[str, Any] = json.loads(path.read_text())
            return content
    return None

"""The metadata of another program's dataset, read as an untrusted file."""

from pathlib import Path
from typing import Any

from fdp_bench.api import DatasetError
from fdp_bench.api.validation import parse_json, read_json

#: Most bytes of a JSON file; a LeRobotDataset's statistics of 100 features have a hundredth of it.
_MAX_BYTES = 2**24
_MAX_CHARACTERS = 200


def read_metadata(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DatasetError: If it is missing, too large or no JSON object.
    """
    try:
        return read_json(path, _MAX_BYTES)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is missing or no JSON object ({error})") from error


def parse_metadata(text: str, name: str) -> dict[str, Any]:
    """Parse the JSON object that an attribute of the file holds.

    Args:
        text: The attribute.
        name: Its name, for messages.

    Raises:
        DatasetError: If it is no JSON object.
    """
    try:
        value = parse_json(text)
    except ValueError as error:
        raise DatasetError(f"the file's {name} is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise DatasetError(f"the file's {name} is no JSON object")
    return value


def word(value: Any) -> str:
    """A short text as it is, a long one's beginning, and nothing for what is no text."""
    return value[:_MAX_CHARACTERS] if isinstance(value, str) else ""

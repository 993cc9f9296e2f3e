"""Files from strangers: read up to a limit, parsed into plain data, and held against the types that a class states.

Whatever is wrong with a file comes out as a `ValueError` (or the `OSError` of opening it), so that each reader turns it
into its own error with one handler.
"""

import json
import math
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

#: Largest JSON file that is read whole (bytes): a manifest or baseline of 100,000 episodes has a tenth of it.
MAX_JSON_BYTES = 256 * 2**20
#: Largest TOML file (bytes); suites and maps have a few kilobytes.
MAX_TOML_BYTES = 2**20
#: Whole numbers lie below this, because arrays and tables hold 64 bits.
MAX_WHOLE = 2**63
#: What a name of a file may be made of; no separator, so that it stays in its folder.
_FILE_NAME = re.compile(r"[A-Za-z0-9_+=,-][A-Za-z0-9_+=,.-]{0,239}", re.ASCII)
#: Half of a surrogate pair as JSON writes it; alone it is no text and cannot be written.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_limited(path: Path, limit: int = MAX_JSON_BYTES) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is larger, or its name is none.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it is larger than {limit:,} bytes")
    return data


def parse_json(text: str | bytes) -> Any:
    """Parse JSON as its standard has it: no NaN, no infinity, and not nested without end.

    Halves of characters, which text files cannot hold, become U+FFFD: an error's text may hold some.

    Raises:
        ValueError: If it is anything else.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return _mended(value) if _SURROGATE.search(text) else value


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON object, or too large.
    """
    value = parse_json(read_limited(path, limit))
    if not isinstance(value, dict):
        raise ValueError(f"it holds {_brief(value)}, not an object")
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no TOML, or too large.
    """
    try:
        return tomllib.loads(read_limited(path, MAX_TOML_BYTES).decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_fields(kind: type, data: Any, where: str = "") -> None:
    """Hold plain data against a dataclass before an instance is made of it.

    Numbers must be finite and whole numbers fit into 64 bits; a list counts as a tuple.

    Args:
        kind: The dataclass.
        data: What a file holds for it.
        where: Name of the entry, for messages.

    Raises:
        ValueError: If it is no object, or a field is missing, extra, or of another type than its annotation says.
    """
    entry = f"{where}." if where else ""
    if not isinstance(data, Mapping):
        raise ValueError(f"{where or kind.__name__} is {_brief(data)}, not an object")
    hints = _hints(kind)
    known = {field.name for field in fields(kind)}
    extra = sorted(map(str, {*data} - known))
    if extra:
        raise ValueError(f"{entry}{extra[0][:40]} is not known")
    for field in fields(kind):
        if field.name in data:
            check_value(data[field.name], hints[field.name], f"{entry}{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{entry}{field.name} is missing")


def check_entries(data: Any, kinds: Mapping[str, Any], where: str, *, needed: Sequence[str] = ()) -> None:
    """Hold an object against the types of those of its entries that are known.

    Args:
        data: The object.
        kinds: Name -> type; entries of other names are left alone.
        where: Its name, for messages.
        needed: Names that must be there.

    Raises:
        ValueError: If it is no object, one is missing, or one is of another type.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} is {_brief(data)}, not an object")
    for name in needed:
        if name not in data:
            raise ValueError(f"{where}.{name} is missing")
    for name, kind in kinds.items():
        if name in data:
            check_value(data[name], kind, f"{where}.{name}")


def check_value(value: Any, kind: Any, where: str) -> None:
    """Hold a value against an annotation made of plain types, unions, mappings and sequences.

    Raises:
        ValueError: If it is of another type, infinite, or too large.
    """
    if kind is Any:
        return
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if not any(_fits(value, one, where) for one in arguments):
            raise ValueError(f"{where} is {_brief(value)}")
    elif origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is {_brief(value)}, not an object")
        for key, entry in value.items():
            check_value(entry, arguments[1], f"{where}[{str(key)[:40]!r}]")
    elif origin is not None and issubclass(origin, Sequence):
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is {_brief(value)}, not a list")
        for entry in value:
            check_value(entry, arguments[0], f"{where}[]")
    elif not _is_plain(value, kind):
        raise ValueError(f"{where} is {_brief(value)}, not of type {kind.__name__}")


def is_file_name(text: str) -> bool:
    """Whether a text can name a file in a given folder and leads nowhere else."""
    return _FILE_NAME.fullmatch(text) is not None


def is_file(path: Path) -> bool:
    """Whether a path names a file; one that is too long, or that may not be looked at, names none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a path names a folder; likewise."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _fits(value: Any, kind: Any, where: str) -> bool:
    try:
        check_value(value, kind, where)
    except ValueError:
        return False
    return True


def _is_plain(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is int:
        return isinstance(value, int) and abs(value) < MAX_WHOLE
    if kind is float:
        if isinstance(value, int):
            return abs(value) < MAX_WHOLE
        return isinstance(value, float) and math.isfinite(value)
    return isinstance(value, kind)


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if not isinstance(value, int) or abs(value) < MAX_WHOLE else "a huge number"
    return text if len(text) <= 60 else f"{text[:57]}..."


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _mended(value: Any) -> Any:
    """Plain data without halves of surrogate pairs."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(entry) for entry in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(entry) for key, entry in value.items()}
    return value


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value

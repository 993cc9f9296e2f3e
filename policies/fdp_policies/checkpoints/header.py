"""What a ``.safetensors`` file and its card say they hold, checked before memory is taken for any of it.

The format: eight bytes with the header's length, little-endian; the header, JSON with dtype, shape and place of each
tensor; the numbers, without gaps (huggingface.co/docs/safetensors). Nothing in it can run.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fdp_bench.api import CheckpointError
from fdp_bench.api.validation import check_entries, check_fields, check_value, parse_json
from fdp_policies.config import COMPOSITIONS, MIXTURES, DiffusionConfig, NetworkConfig

#: Largest file that is loaded (bytes): a billion weights in float32.
MAX_BYTES = 4 * 2**30
#: Largest header (bytes); a network of 10,000 tensors has 1 MB.
MAX_HEADER_BYTES = 16 * 2**20
#: Bytes a number of the dtypes that weights are stored in.
DTYPES: Mapping[str, int] = {"F16": 2, "BF16": 2, "F32": 4}
#: Largest whole number in a network's configuration, and in a shape.
MAX_SIZE = 8192
#: Most blocks of a network.
MAX_DEPTH = 256
#: Most experts that act together.
MAX_EXPERTS = 16
#: Most steps of the forward process.
MAX_DIFFUSION_STEPS = 100_000
#: How other files begin that call themselves safetensors: Python's pickle, and the archive that torch.save makes.
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_CARD: Mapping[str, Any] = {
    **dict.fromkeys(("policy", "task_id", "weights_sha256", "composition"), str),
    **dict.fromkeys(("action_dim", "parameters"), int),
    **dict.fromkeys(("network", "diffusion", "normalizer"), Mapping[str, Any]),
    "shapes": Mapping[str, Sequence[int]],
    "base": Mapping[str, Any] | None,
    "experts": Sequence[Any],
}
_PART: Mapping[str, Any] = {"file": str, "sha256": str}
_NEEDED = (
    "policy",
    "task_id",
    "weights_sha256",
    "action_dim",
    "parameters",
    "network",
    "diffusion",
    "normalizer",
)


@dataclass(frozen=True)
class TensorInfo:
    """A tensor as the header declares it.

    Attributes:
        dtype: Key of `DTYPES`.
        shape: Its shape.
    """

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Read what a file declares, without reading its numbers.

    Returns:
        Name -> tensor.

    Raises:
        CheckpointError: If it is no safetensors file, is too large, or declares what it does not hold.
    """
    try:
        with path.open("rb") as file:
            return _header(file)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise CheckpointError(
            f"{path} is damaged or no safetensors file: {error}; fetch or train it again"
        ) from None


def check_card(card: Any) -> None:
    """Hold a card against the types and sizes that networks are built from.

    Raises:
        ValueError: If something is missing, of another type, or out of its range.
    """
    check_entries(card, _CARD, "card", needed=(*_NEEDED, "shapes"))
    check_fields(NetworkConfig, card["network"], "network")
    check_fields(DiffusionConfig, card["diffusion"], "diffusion")
    for name, value in card["network"].items():
        most = MAX_DEPTH if name == "depth" else MAX_SIZE
        if isinstance(value, int) and not 1 <= value <= most:
            raise ValueError(f"network.{name} is {value}; it must lie in 1-{most}")
    steps, clip = card["diffusion"].get("training_steps", 1), card["diffusion"].get("clip_sample", 1.0)
    if not 1 <= steps <= MAX_DIFFUSION_STEPS or clip <= 0:
        raise ValueError(f"diffusion has {steps} training steps, clipped at {clip}")
    if not 1 <= card["action_dim"] <= MAX_SIZE:
        raise ValueError(f"action_dim is {card['action_dim']}; it must lie in 1-{MAX_SIZE}")
    _check_parts(card)
    _check_normalizer(card)


def _check_parts(card: Mapping[str, Any]) -> None:
    composition, experts = card.get("composition", COMPOSITIONS[0]), card.get("experts", ())
    if composition not in (*COMPOSITIONS, *MIXTURES):
        raise ValueError(f"composition {composition[:40]!r} is not known")
    if card.get("base") is not None:
        check_entries(card["base"], _PART, "base", needed=tuple(_PART))
    for entry in experts:
        check_entries(entry, _PART, "experts[]", needed=tuple(_PART))
    fewest, most = (2, MAX_EXPERTS) if composition in MIXTURES else (0, 0)
    if not fewest <= len(experts) <= most or (experts and card.get("base") is not None):
        raise ValueError(f"composition {composition} of {len(experts)} experts is no network")


def _check_normalizer(card: Mapping[str, Any]) -> None:
    for key, shape in card["shapes"].items():
        if not 1 <= len(shape) <= 3 or not all(1 <= size <= MAX_SIZE for size in shape):
            raise ValueError(f"shapes[{key[:40]!r}] is {str(shape)[:40]}")
    normalizer = card["normalizer"]
    kinds = {"keys": Mapping[str, Any], "action": Mapping[str, Any]}
    check_entries(normalizer, kinds, "normalizer", needed=tuple(kinds))
    vectors = {key: shape[0] for key, shape in card["shapes"].items() if len(shape) == 1}
    missing = [key for key in vectors if key not in normalizer["keys"]]
    if missing:
        raise ValueError(f"the normalizer lacks {missing[0][:40]!r}")
    ranges = [(entry, vectors.get(key)) for key, entry in normalizer["keys"].items()]
    for entry, size in (*ranges, (normalizer["action"], card["action_dim"])):
        check_value(entry, Mapping[str, Sequence[float]], "normalizer")
        low, high = entry.get("low", ()), entry.get("high", ())
        if len(low) != len(high) or size not in (None, len(low)):
            raise ValueError(f"the normalizer has {len(low)} and {len(high)} bounds, not {size} of each")
        if not all(one < other for one, other in zip(low, high, strict=True)):
            raise ValueError("the normalizer has an upper bound below a lower one")


def _header(file: BinaryIO) -> dict[str, TensorInfo]:
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    if start.startswith(_PICKLE_STARTS):
        raise ValueError("it holds a pickle, which can run code when read, whatever its name")
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(MAX_HEADER_BYTES, size - 8):
        raise ValueError(f"a header of {length:,} bytes in a file of {size:,}")
    if size > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
    entries = parse_json(file.read(length))
    if not isinstance(entries, dict):
        raise ValueError("the header is no object")
    places: list[tuple[int, int]] = []
    found: dict[str, TensorInfo] = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        check_entries(entry, _TENSOR, name[:60], needed=tuple(_TENSOR))
        found[name] = _tensor(name[:60], entry)
        begin, end = entry["data_offsets"]
        places.append((begin, end))
        wanted = math.prod(entry["shape"]) * DTYPES[entry["dtype"]]
        if end - begin != wanted:
            raise ValueError(f"{name[:60]} needs {wanted:,} bytes and has {end - begin:,}")
    _check_places(places, size - 8 - length)
    return found


_TENSOR: Mapping[str, Any] = {"dtype": str, "shape": Sequence[int], "data_offsets": Sequence[int]}


def _tensor(name: str, entry: Mapping[str, Any]) -> TensorInfo:
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"{name} is of dtype {entry['dtype'][:20]!r}, none of {', '.join(DTYPES)}")
    if len(entry["shape"]) > 8 or any(side < 0 for side in entry["shape"]) or len(entry["data_offsets"]) != 2:
        raise ValueError(f"{name} has shape {str(entry['shape'])[:40]}")
    return TensorInfo(entry["dtype"], tuple(entry["shape"]))


def _check_places(places: list[tuple[int, int]], size: int) -> None:
    at = 0
    for begin, end in sorted(places):
        if begin != at:
            raise ValueError(f"its tensors overlap or leave a gap at byte {at:,}")
        at = end
    if at != size:
        raise ValueError(f"its tensors take {at:,} bytes of {size:,}")

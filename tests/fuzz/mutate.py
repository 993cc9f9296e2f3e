"""Ways to spoil bytes and plain data; every one follows from a `random.Random` alone."""

import copy
import random
from collections.abc import Callable
from typing import Any

from .watch import PAYLOADS

#: Values that readers stumble over.
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        3.5,
        -0.0,
        1e308,
        5e-324,
        2**31,
        2**53,
        2**63,
        2**64,
        -(2**70),
        10**400,
    ),
    *(
        "",
        " ",
        "clean",
        "dp-dit",
        "fdp:prop>vision",
        "occlusion@3",
        "0",
        "nan",
        "inf",
        "a" * 300,
        "é\u202e\U0001f600",
    ),
    *([], {}, [[]], [None], {"": ""}, [1, "a"], [{}], {"a": {"b": 1}}, [0.5] * 3),
    *PAYLOADS,
)
_BYTES = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff" * 8,
    b"\x00" * 8,
    b"\xff\xff\xff\x7f",
    b"\n",
    b'"',
    b"{",
    b"]",
)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """A file with bits flipped, bytes overwritten, parts cut, doubled, moved or inserted."""
    spoiled = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        _BYTE_WAYS[rng.randrange(len(_BYTE_WAYS))](spoiled, rng)
    return bytes(spoiled)


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at, part = rng.randrange(len(data) + 1), rng.choice(_BYTES)
    data[at : at + len(part)] = part


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _cut(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 2, 8, 64, 512))]


def _double(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.choice((1, 8, 64, 1024))]
    data[at:at] = part


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(
        (rng.randbytes(rng.choice((1, 4, 32))), rng.choice(PAYLOADS).encode("utf-8", "replace"))
    )


def _flip_early(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(min(len(data), 512))] = rng.randrange(256)


_BYTE_WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _overwrite, _truncate, _cut, _double, _insert, _flip_early),
)


def mutate_data(value: Any, rng: random.Random) -> Any:
    """Plain data with a few nodes replaced, taken away, added or nested."""
    spoiled = {"root": copy.deepcopy(value)}
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holder, key = _pick(spoiled, rng)
        way = rng.randrange(8)
        if way == 0 and holder is not spoiled:
            del holder[key]
        elif way == 1 and isinstance(holder, dict) and holder is not spoiled:
            holder[str(rng.choice(ODD))[:40]] = copy.deepcopy(rng.choice(ODD))
        elif way == 2 and isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(rng.choice((*ODD, holder[key]))))
        elif way == 3:
            holder[key] = [holder[key]]
        elif way == 4 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = -holder[key] * rng.choice((1, 2, 1000))
        elif way == 5 and isinstance(holder[key], str):
            holder[key] = mutate_bytes(holder[key].encode("utf-8", "replace"), rng).decode("utf-8", "replace")
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
    return spoiled["root"]


def _pick(value: Any, rng: random.Random) -> tuple[Any, Any]:
    """A container below `value` and a key in it; deep nodes as likely as shallow ones."""
    places: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list) and holder[key]:
                stack.append(holder[key])
    return rng.choice(places)

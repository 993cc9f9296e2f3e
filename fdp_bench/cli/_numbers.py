"""Numbers as options take them; argparse names them in its messages: "invalid whole number value: 'x'"."""

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def whole(text: str) -> int:
    """A whole number from 0 on."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def seconds(text: str) -> float:
    """A finite number of seconds above 0."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise ValueError
    return value


def size_bytes(text: str) -> int:
    """A size such as ``"800M"`` or ``"4G"`` in bytes."""
    number = text.upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:].isalpha() else ""
    if unit not in _UNITS:
        raise ValueError
    value = float(number.removesuffix(unit)) * _UNITS[unit]
    if not 1.0 <= value < float("inf"):
        raise ValueError
    return int(value)


def share(text: str) -> float:
    """A finite number above 0."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise ValueError
    return value


share.__name__ = "number above 0"
whole.__name__ = "whole number"
positive.__name__ = "whole number from 1 on"
seconds.__name__ = "number of seconds"
size_bytes.__name__ = "size, such as 800M or 4G,"

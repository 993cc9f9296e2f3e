"""Numbers among a shift's options: they arrive as text and have a range."""

from collections.abc import Mapping

from fdp_bench.api import ShiftConfigError


def number(
    shift: str, options: Mapping[str, str], key: str, *, low: float = 0.0, high: float = float("inf")
) -> float:
    """Read an option that is a number.

    Args:
        shift: Name of the shift, for messages.
        options: Option name -> text.
        key: Which one.
        low: Least value allowed.
        high: Greatest value allowed.

    Raises:
        ShiftConfigError: If it is no number, or out of range.
    """
    try:
        value = float(options[key])
    except ValueError:
        value = float("nan")
    if not low <= value <= high or value == float("inf"):
        span = f"in [{low:g}, {high:g}]" if high < float("inf") else f">= {low:g}"
        closest = f"{high:g}" if value > high and high < float("inf") else f"{low:g}"
        raise ShiftConfigError(
            f"option {key}={options[key]} of shift {shift!r} is no number {span}; try {key}={closest}"
        )
    return value


def whole_number(shift: str, options: Mapping[str, str], key: str, *, low: int, high: int) -> int:
    """Read an option that is a whole number. See `number`.

    Raises:
        ShiftConfigError: If it is no whole number, or out of range.
    """
    value = number(shift, options, key, low=low, high=high)
    if value != int(value):
        raise ShiftConfigError(
            f"option {key}={options[key]} of shift {shift!r} is no whole number in [{low}, {high}]; "
            f"try {key}={round(value)}"
        )
    return int(value)

"""Whether a control step solved the task: read off an environment's ``info`` in one way everywhere."""

from collections.abc import Mapping
from typing import Any

import numpy as np

#: Keys of ``info``: whether the task is solved, and whether it has been for long enough to end the episode.
SUCCESS, SUCCESS_HELD = "success", "success_held"


class SuccessError(ValueError):
    """An environment's ``info`` does not say whether the task is solved."""


def read_success(info: Mapping[str, Any], key: str = SUCCESS) -> bool:
    """Read a truth value.

    Args:
        info: What an environment returned beside its observation.
        key: Its key.

    Returns:
        The value of a `bool`, a `numpy.bool_`, or of a number that equals 0 or 1.

    Raises:
        SuccessError: If there is none, or it is anything else: a text, an array, a share, None.
    """
    if key not in info:
        raise SuccessError(f"info holds no {key!r}")
    value = info[key]
    plain = value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
    if isinstance(plain, bool | int | float) and plain in (0, 1):
        return bool(plain)
    shown = " ".join(repr(value).split())[:60]
    raise SuccessError(f"info[{key!r}] is {shown}; whether the task is solved is True or False, 1 or 0")

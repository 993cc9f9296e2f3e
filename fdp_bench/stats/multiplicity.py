"""Many tests at once."""

import math
from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of one table by Holm's step-down method (Holm 1979).

    Calling all adjusted values below alpha significant keeps the chance of even one false call below alpha,
    whatever the dependence between the tests.

    Args:
        p_values: One a test, each in [0, 1]; nan marks a row without a test, which stays nan and does not
            count.

    Returns:
        Adjusted p-values in the same order, in [0, 1].

    Raises:
        ValueError: If a value is outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    if np.any((values[tested] < 0) | (values[tested] > 1)):
        raise ValueError(f"p-values must lie in [0, 1]: {list(p_values)}")
    adjusted = np.full(values.shape, math.nan)
    rising = tested[np.argsort(values[tested])]
    # The smallest p-value is held against all hypotheses, the next one against all but one, and so on.
    stepped = values[rising] * np.arange(len(rising), 0, -1)
    adjusted[rising] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]

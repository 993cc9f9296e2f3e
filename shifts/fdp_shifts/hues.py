"""Hues on the colour circle, in turns: how far apart they are, and which new ones cannot be mistaken for another."""

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: The new hue lies at least this far from the old one, in turns.
MIN_HUE_TURN = 0.25
#: The new hue, and every mix of the old colour with the new one, lies at least this far from each hue to avoid, in
#: turns: as far as cyan from green. Where the old hue was nearer to it, the new one comes no nearer.
AVOIDED_HUE_TURN = 1 / 6
#: A colour whose strongest and weakest channel differ by less is grey or black and has no hue to avoid.
MIN_CHROMA = 0.1
#: Hues that differ by less are equal up to rounding, in turns.
_ROUNDING = 1e-9
#: Number of hues that are tried where some are to be avoided.
_TRIED = 1001

Floats = npt.NDArray[np.floating[Any]]


def hue_of(rgb: Floats) -> float:
    """Hue of a colour, shape (3,), in turns, in [0, 1)."""
    red, green, blue = map(float, rgb)
    return colorsys.rgb_to_hsv(red, green, blue)[0]


def has_hue(rgb: Floats) -> bool:
    """Whether a colour, shape (3,), is neither grey nor nearly black."""
    return float(np.ptp(rgb)) >= MIN_CHROMA


def turn_clear_of(turn: float, avoided: Sequence[float]) -> float:
    """Move a drawn turn of the hue to where the new hue is far from others.

    Turns drawn uniformly stay uniform over those that are left. If none is left, the one that is farthest from all is
    taken.

    Args:
        turn: New hue minus old one, in [`MIN_HUE_TURN`, 1 - `MIN_HUE_TURN`].
        avoided: Hues to avoid, each minus the old one, in turns.

    Returns:
        Turn in the same range: `turn` itself where nothing in the range has to be avoided.
    """
    tried = np.linspace(MIN_HUE_TURN, 1.0 - MIN_HUE_TURN, _TRIED)[:, None]
    hues = np.array(avoided, np.float64) % 1.0
    distances = np.abs((tried - hues + 0.5) % 1.0 - 0.5)
    distances_before = np.minimum(hues, 1.0 - hues)
    # The mixes have the hues of the shorter way round the circle. A hue next to the old one is left behind, not passed.
    is_passed = np.where(tried < 0.5, hues < tried, hues > tried) & (
        distances_before >= AVOIDED_HUE_TURN - _ROUNDING
    )
    is_clear = (distances >= np.minimum(distances_before, AVOIDED_HUE_TURN)) & ~is_passed
    is_left = is_clear.all(axis=1)
    if is_left.all():
        return turn
    if not is_left.any():
        nearest = distances.min(axis=1)
        is_left = nearest == nearest.max()
    left = tried[is_left, 0]
    share = (turn - MIN_HUE_TURN) / (1.0 - 2.0 * MIN_HUE_TURN)
    return float(left[min(int(share * len(left)), len(left) - 1)])

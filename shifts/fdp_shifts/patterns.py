"""Procedural surface patterns: how far a place is coloured with the second of two colours."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Edge of a pattern's cell, metres, (lowest, highest): about the size of the things that a gripper holds.
CELL_M = (0.03, 0.08)
#: Ways and back of a gradient, in cells: 0.6 to 1.6 m, about once over a table.
GRADIENT_CELLS = 20
#: Cells after which the noise repeats.
_NOISE_CELLS = 32

Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pattern:
    """A pattern of two colours on a plane.

    Attributes:
        kind: Key of `KINDS`.
        cell_m: Edge of a cell, metres.
        angle_rad: Its rotation on the plane.
        seed: Seed of the noise.
    """

    kind: str
    cell_m: float
    angle_rad: float
    seed: int

    def paint(
        self, x: Places, y: Places, *, first: npt.ArrayLike, second: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Colours of places on the plane.

        Args:
            x: Metres, any shape.
            y: Metres, the same shape.
            first: RGB in [0, 1].
            second: Likewise.

        Returns:
            RGB in [0, 1], of that shape and (..., 3).
        """
        share = self.mix(x, y)[..., None]
        painted: npt.NDArray[np.float64] = (1.0 - share) * np.asarray(first) + share * np.asarray(second)
        return painted

    def mix(self, x: Places, y: Places) -> Places:
        """Share of the second colour at places on the plane.

        Args:
            x: Metres, any shape.
            y: Metres, the same shape.

        Returns:
            Values in [0, 1], of that shape.
        """
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        along, across = (cos * x + sin * y) / self.cell_m, (cos * y - sin * x) / self.cell_m
        return KINDS[self.kind](along, across, self.seed)


def draw_pattern(kind: str, rng: np.random.Generator) -> Pattern:
    """Draw a pattern of a kind; the stream moves on alike for each kind."""
    cell, angle = rng.uniform(*CELL_M), rng.uniform(0.0, np.pi)
    return Pattern(kind, float(cell), float(angle), int(rng.integers(2**32)))


def _checker(along: Places, across: Places, seed: int) -> Places:
    del seed
    odd: Places = ((np.floor(along) + np.floor(across)) % 2.0).astype(np.float64)
    return odd


def _stripes(along: Places, across: Places, seed: int) -> Places:
    del across, seed
    odd: Places = (np.floor(along) % 2.0).astype(np.float64)
    return odd


def _gradient(along: Places, across: Places, seed: int) -> Places:
    del across, seed
    way: Places = 1.0 - np.abs(along / GRADIENT_CELLS % 1.0 * 2.0 - 1.0)
    return way


def _noise(along: Places, across: Places, seed: int) -> Places:
    """Value noise: random values at the cells' corners, blended smoothly in between."""
    corners = np.random.default_rng(seed).uniform(0.0, 1.0, (_NOISE_CELLS, _NOISE_CELLS))
    low, step = [], []
    for places in (along, across):
        floor = np.floor(places)
        share = places - floor
        low.append(floor.astype(np.int64) % _NOISE_CELLS)
        step.append(share * share * (3.0 - 2.0 * share))
    high = [(index + 1) % _NOISE_CELLS for index in low]
    near = corners[low[0], low[1]] * (1.0 - step[0]) + corners[high[0], low[1]] * step[0]
    far = corners[low[0], high[1]] * (1.0 - step[0]) + corners[high[0], high[1]] * step[0]
    # Corners about the middle grey would blur the two colours into one.
    mixed: Places = np.clip(0.5 + 2.0 * (near * (1.0 - step[1]) + far * step[1] - 0.5), 0.0, 1.0)
    return mixed


def _plain(along: Places, across: Places, seed: int) -> Places:
    del across, seed
    return np.zeros_like(along)


#: Kind -> share of the second colour, from places in cells.
KINDS: dict[str, Callable[[Places, Places, int], Places]] = {
    "checker": _checker,
    "noise": _noise,
    "gradient": _gradient,
    "stripes": _stripes,
    "plain": _plain,
}

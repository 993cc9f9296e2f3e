"""One demonstration as a reader hands it over, and what holds of each whatever file it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Demonstration:
    """One demonstration of T control steps; row t is what was seen before action t.

    Attributes:
        name: Name in the file, for instance ``"demo_12"``.
        prop: Shape (T, 16), float32: joint positions 7 (rad), end-effector position 3 (m, world),
            end-effector quaternion 4 (xyzw, x >= 0), finger positions 2 (m). Of somebody else's task what it calls
            ``prop``, (T, 0) where it has none.
        images: Camera key -> frames, shape (T, H, W, 3), uint8, upright RGB.
        actions: Shape (T, A), float32, in [-1, 1]; A is 7 on the package's tasks.
        tactile: Shape (T, 12), float32, see `fdp_bench.sim.touch.TouchSensor`; None in a file from before it.
        vectors: Further observation keys of somebody else's task -> numbers, shape (T, D), float32.
    """

    name: str
    prop: npt.NDArray[np.float32]
    images: Mapping[str, npt.NDArray[np.uint8]]
    actions: npt.NDArray[np.float32]
    tactile: npt.NDArray[np.float32] | None = None
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def observations(self) -> Mapping[str, npt.NDArray[Any]]:
        """Observation key -> values of all steps, shape (T, ...), of the senses that were recorded."""
        prop = {"prop": self.prop} if self.prop.shape[1] else {}
        touch = {} if self.tactile is None else {"tactile": self.tactile}
        return {**prop, **touch, **self.vectors, **self.images}


def checked(demo: Demonstration) -> Demonstration:
    """Hold a demonstration to what its class promises; shapes and dtypes of files are anybody's."""
    steps = len(demo.actions)
    numbers: dict[str, npt.NDArray[Any]] = {"prop": demo.prop, "actions": demo.actions}
    numbers |= {} if demo.tactile is None else {"tactile": demo.tactile}
    numbers |= demo.vectors
    for name, values in numbers.items():
        if values.ndim != 2 or values.dtype != np.float32 or not np.isfinite(values).all():
            raise ValueError(f"{name[:60]} of {demo.name} is no table of finite float32 numbers")
    for key, frames in demo.images.items():
        if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape or frames.dtype != np.uint8:
            raise ValueError(f"{key[:60]} of {demo.name} holds no RGB frames")
    lengths = {len(values) for values in (*numbers.values(), *demo.images.values())}
    if steps == 0 or lengths != {steps}:
        raise ValueError(f"{demo.name} holds no steps, or not as many of each kind")
    return demo

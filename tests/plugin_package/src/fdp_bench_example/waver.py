"""Waver: a policy that moves at random."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Policy


class Waver(Policy):
    """Random actions, a chunk of four at a time; the same ones for the same episode."""

    summary = "moves at random"
    modalities = ("prop",)
    n_action_steps = 4
    option_values = {"scale": "0.5"}  # noqa: RUF012

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """One number for each component of each action."""
        return (self.n_action_steps, self.task.action_dim)

    def act(
        self, observation: Mapping[str, npt.NDArray[Any]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Scaled noise, whatever is observed."""
        scale = float(self.spec.options.get("scale", self.option_values["scale"]))
        return np.clip(scale * noise, -1.0, 1.0).astype(np.float32)

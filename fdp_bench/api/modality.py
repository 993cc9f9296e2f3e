"""Modalities: named groups of observation keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: One observation: key -> array. ``prop`` float32 (D,); ``image.<camera>`` uint8 (H, W, 3), upright RGB;
#: ``tactile`` float32 (K,).
Observation = dict[str, npt.NDArray[np.generic]]

#: Modality name -> observation keys, for instance ``{"prop": ("prop",), "vision": ("image.wrist",)}``.
ModalityMap = Mapping[str, tuple[str, ...]]

IMAGE_PREFIX = "image."
#: What policies read on the package's own tasks that name no modalities: touch came later than the bundled weights.
DEFAULT_MODALITIES = ("prop", "vision")


def image_keys(keys: "Mapping[str, object] | tuple[str, ...]") -> tuple[str, ...]:
    """Return the camera keys among observation keys, in their given order."""
    return tuple(key for key in keys if key.startswith(IMAGE_PREFIX))


@dataclass(frozen=True)
class TaskInfo:
    """What a policy may know about a task before it acts.

    Attributes:
        task_id: Gymnasium id, for instance ``"fdp_bench/Lift-v1"``.
        modalities: The environment's modality map.
        observation_shapes: Observation key -> shape of one observation.
        action_dim: Number of action components; each lies in [-1, 1].
        horizon: Control steps after which an episode is truncated.
        control_hz: Control steps a second of simulated time.
        profile: Render profile, ``"fast"`` or ``"reference"``; empty where an environment has none.
        default_modalities: Modalities that a policy reads which could read any and names none; empty for all.
        action_low: Lower bound of each action component in the environment's own units; empty where that is -1 for all.
        action_high: Upper bounds; empty where that is 1 for all.
    """

    task_id: str
    modalities: ModalityMap
    observation_shapes: Mapping[str, tuple[int, ...]]
    action_dim: int
    horizon: int
    control_hz: float
    profile: str = ""
    default_modalities: tuple[str, ...] = ()
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()

    @property
    def usual_modalities(self) -> tuple[str, ...]:
        """`default_modalities`, or all where none are stated."""
        return self.default_modalities or tuple(self.modalities)

    def unit_actions(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Actions in [-1, 1] for actions in the environment's own units, shape (..., A).

        What lies outside the environment's bounds comes out outside of [-1, 1].
        """
        middle, half = self._action_scale()
        unit: npt.NDArray[np.float64] = (np.asarray(actions, np.float64) - middle) / half
        return unit

    def own_actions(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Actions in the environment's own units for actions in [-1, 1]; the inverse of `unit_actions`."""
        middle, half = self._action_scale()
        own: npt.NDArray[np.float64] = middle + half * np.asarray(actions, np.float64)
        return own

    def _action_scale(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        low = np.array(self.action_low or [-1.0] * self.action_dim, np.float64)
        high = np.array(self.action_high or [1.0] * self.action_dim, np.float64)
        return (low + high) / 2.0, (high - low) / 2.0

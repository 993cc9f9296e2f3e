"""A copy of somebody else's MuJoCo model that follows the original, and that shifts may repaint meanwhile."""

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

#: Arrays of the model that say where things are: no shift changes them, so they are copied before each frame.
_PLACES = (
    "body_pos",
    "body_quat",
    "geom_pos",
    "geom_quat",
    "geom_size",
    "site_pos",
    "site_quat",
    "site_size",
)
#: Arrays that shifts change too: what the task itself changes of them is taken over row by row.
_LOOKS = (
    *("geom_rgba", "geom_group", "mat_rgba", "site_rgba", "cam_pos", "cam_quat", "cam_fovy"),
    *("light_pos", "light_dir", "light_diffuse", "light_ambient", "light_specular"),
)
#: Parts of the state that places follow from.
_STATE = ("qpos", "mocap_pos", "mocap_quat")


class ModelMirror:
    """The copy.

    Args:
        model: The original, `mujoco.MjModel`; only read.
        data: Its `mujoco.MjData`; only read.

    Attributes:
        model: The copy.
        data: Its state.
    """

    def __init__(self, model: Any, data: Any) -> None:
        import mujoco

        self._original, self._original_data = model, data
        self.model = copy.copy(model)
        self.data = mujoco.MjData(self.model)
        self._seen: dict[str, npt.NDArray[Any]] = {}
        self.take_looks()

    def take_looks(self) -> None:
        """Look as the original does now, whatever was painted."""
        self._seen = {name: np.array(getattr(self._original, name)) for name in _LOOKS}
        for name, seen in self._seen.items():
            getattr(self.model, name)[:] = seen

    def sync(self) -> None:
        """Take over the original's state, and what it changed of itself, and compute where everything is."""
        import mujoco

        for name in _PLACES:
            getattr(self.model, name)[:] = getattr(self._original, name)
        for name, seen in self._seen.items():
            present = getattr(self._original, name)
            if not np.array_equal(present, seen):
                rows = (present != seen).reshape(len(seen), -1).any(axis=1)
                getattr(self.model, name)[rows] = present[rows]
                seen[:] = present
        for name in _STATE:
            getattr(self.data, name)[:] = getattr(self._original_data, name)
        for compute in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_camlight, mujoco.mj_flex):
            compute(self.model, self.data)
        mujoco.mj_tendon(self.model, self.data)

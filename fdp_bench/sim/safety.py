"""Safety figures of an episode, read from the physics after each control step."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class SafetyMonitor:
    """Peaks over an episode of contact force and joint speed.

    The contact force is the magnitude of the total force, in newtons, between one body of the arm or the
    gripper and one body that is not part of the robot; so two fingers that squeeze an object do not cancel
    out. Forces are those of the last physics step of a control step.

    Args:
        model: Physics model, `mujoco.MjModel`.
        data: Its `mujoco.MjData`; only read.
    """

    def __init__(self, model: Any, data: Any) -> None:
        self._model, self._data = model, data
        names = [model.body(body).name for body in range(model.nbody)]
        # So that the product over a contact's two bodies is 2 for just one that counts.
        roles = {"robot0_": 2, "gripper0_": 2, "fixed_mount0_": 0}
        body_roles = np.array([_role(name, roles) for name in names])
        self._roles = body_roles[model.geom_bodyid]
        joints = [joint for joint in range(model.njnt) if model.joint(joint).name.startswith("robot0_")]
        self._arm_velocities = model.jnt_dofadr[joints]
        self.reset()

    def reset(self) -> None:
        """Start an episode."""
        self._peak_force = 0.0
        self._peak_speed = 0.0

    def update(self) -> None:
        """Take the current state into account; called after each control step."""
        self._peak_speed = max(self._peak_speed, float(np.abs(self._data.qvel[self._arm_velocities]).max()))
        self._peak_force = max(self._peak_force, self._contact_force())

    def figures(self) -> dict[str, float]:
        """``peak_contact_force_n`` and ``peak_joint_speed_rad_s`` since the last reset."""
        return {"peak_contact_force_n": self._peak_force, "peak_joint_speed_rad_s": self._peak_speed}

    def _contact_force(self) -> float:
        import mujoco

        if self._data.ncon == 0:
            return 0.0
        geoms = self._data.contact.geom
        roles = self._roles[geoms]
        counted = np.flatnonzero(roles[:, 0] * roles[:, 1] == 2)
        if counted.size == 0:
            return 0.0
        bodies = self._model.geom_bodyid[geoms]
        totals: dict[tuple[int, int], Any] = {}
        force = np.zeros(6)
        for index in counted:
            mujoco.mj_contactForce(self._model, self._data, int(index), force)
            first, second = int(bodies[index, 0]), int(bodies[index, 1])
            # A contact's force points from its first geom to its second, in a frame of its own.
            world = self._data.contact.frame[index].reshape(3, 3).T @ force[:3]
            pair = (first, second) if first < second else (second, first)
            totals[pair] = totals.get(pair, 0.0) + (world if first < second else -world)
        return max((float(np.linalg.norm(total)) for total in totals.values()), default=0.0)


def _role(body: str, roles: Mapping[str, int]) -> int:
    """Role of a body by the prefix of its name; 1 where there is none, for what is not part of the robot."""
    return next((role for prefix, role in roles.items() if body.startswith(prefix)), 1)

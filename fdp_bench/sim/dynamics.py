"""A digest of what decides how a MuJoCo model moves, to tell whether somebody has changed it."""

import hashlib
from functools import cache
from typing import Any

import numpy as np

#: Arrays of ``mjModel`` by the beginnings of their names: kinematics, inertia, contact, actuation. Colours, materials,
#: lights, cameras and textures decide only the picture.
_DYNAMIC = (
    *("body_", "jnt_", "dof_", "geom_", "site_", "pair_", "exclude_", "eq_", "tendon_", "wrap_", "actuator_"),
    *("qpos0", "qpos_spring"),
)
#: What of these decides only the picture, and user data.
_PICTURE = ("rgba", "matid", "group", "user")


def model_sha256(model: Any) -> str:
    """Digest of a model's dynamics: masses, frames, friction, gains, limits, and options such as gravity.

    Args:
        model: A ``mujoco.MjModel``.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in _names(model.__class__):
        if name.startswith(_DYNAMIC) and not any(part in name for part in _PICTURE):
            _add(digest, name, getattr(model, name))
    for name in _names(model.opt.__class__):
        _add(digest, name, getattr(model.opt, name))
    return digest.hexdigest()


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """A class's public attributes that are no methods."""
    return tuple(name for name in dir(kind) if name[0] != "_" and not callable(getattr(kind, name)))


def _add(digest: Any, name: str, value: Any) -> None:
    if isinstance(value, (int, float, np.ndarray)):
        digest.update(name.encode() + b"\0" + np.asarray(value).tobytes())

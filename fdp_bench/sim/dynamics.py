"""A digest of what decides how a MuJoCo model moves, to tell whether somebody has changed it."""

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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


class DynamicsWatch:
    """Tells what a task changes of its own model from what anybody else does.

    Tasks move what has no joint, a door's frame for instance, by writing to their model. So the model is compared with
    what the task left behind, not with what it was built as.

    Args:
        model: The task's ``mujoco.MjModel``.
    """

    def __init__(self, model: Any) -> None:
        self._built = model_sha256(model)
        self._touched = False
        self._left = 0
        self.follow(model)

    @contextmanager
    def task_at_work(self) -> Iterator[None]:
        """Let all changes made in the block be the task's own."""
        self._touched |= self._checksum() != self._left
        try:
            yield
        finally:
            self._left = self._checksum()

    def sha256(self) -> str:
        """Digest of the model as it was built; another one from the moment on at which somebody else changed it."""
        changed = self._touched or self._checksum() != self._left
        return hashlib.sha256(f"{self._built} changed".encode()).hexdigest() if changed else self._built

    def follow(self, model: Any) -> None:
        """Watch a model, from now on: the first one, or one that the task made in its place."""
        # Views into the model: looking them up takes longer than reading them, and this happens twice a step.
        self._options = model.opt
        self._views = [
            array
            for name in _names(model.__class__)
            if name.startswith(_DYNAMIC) and not any(part in name for part in _PICTURE)
            if isinstance(array := getattr(model, name), np.ndarray) and array.size
        ]
        self._left = self._checksum()

    def _checksum(self) -> int:
        sums = 0
        for view in self._views:
            sums = zlib.crc32(view.data, sums)
        for name in _names(self._options.__class__):
            value = getattr(self._options, name)
            if isinstance(value, (int, float, np.ndarray)):
                sums = zlib.crc32(np.ascontiguousarray(value).data, sums)
        return sums


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """A class's public attributes that are no methods."""
    return tuple(name for name in dir(kind) if name[0] != "_" and not callable(getattr(kind, name)))


def _add(digest: Any, name: str, value: Any) -> None:
    if isinstance(value, (int, float, np.ndarray)):
        digest.update(name.encode() + b"\0" + np.asarray(value).tobytes())

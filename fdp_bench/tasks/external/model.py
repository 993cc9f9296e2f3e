"""The MuJoCo model below somebody else's environment: found, drawn as a scene that shifts may change, and watched."""

import hashlib
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import SpecError, nearest
from fdp_bench.sim.dynamics import DynamicsWatch
from fdp_bench.sim.model_scene import MODEL_PROFILES, ModelLayout, ModelScene
from fdp_bench.tasks.external.senses import is_camera
from fdp_bench.tasks.external.task_map import TaskMap


class ExternalModel:
    """An environment's model and state, whatever it has of them. Environments without MuJoCo have neither.

    Args:
        env: The environment.
        where: The task, for messages.
        task_map: What of it is what.
        profile: How frames of the model are drawn.

    Attributes:
        scene: See `fdp_bench.api.scene.Scene`; None where no camera is drawn from the model.

    Raises:
        SpecError: If cameras shall be drawn from a model that is not there, or has no such cameras or bodies.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], where: str, task_map: TaskMap, profile: str) -> None:
        self._env = env
        self._model, self._data = _model_of(env), _data_of(env)
        self.scene = _scene_of(self._model, self._data, where, task_map, profile)
        self._watch = DynamicsWatch(self._model) if self._model is not None else None

    def task_at_work(self) -> AbstractContextManager[None]:
        """Let what changes in the block be the environment's own doing."""
        return self._watch.task_at_work() if self._watch else nullcontext()

    def follow(self) -> None:
        """Go on with another model or state, if the environment made one."""
        model, data = _model_of(self._env), _data_of(self._env)
        if model is None or (model is self._model and data is self._data):
            return
        if self._watch is not None and model is not self._model:
            self._watch.follow(model)
        if self.scene is not None:
            self.scene.follow(model, data)
        self._model, self._data = model, data

    def state(self) -> npt.NDArray[np.float64]:
        """See `ExternalEnv.state`."""
        data = _data_of(self._env) if self._model is not None else None
        if data is None:
            return np.zeros(0)
        parts = (data.qpos, data.qvel, data.act, data.mocap_pos, data.mocap_quat)
        return np.concatenate([[data.time], *(np.ravel(part) for part in parts)])

    def state_sha256(self) -> str:
        """See `ExternalEnv.state_sha256`."""
        if self._model is None:
            return ""
        digest = hashlib.sha256(self.state().tobytes())
        digest.update(np.concatenate([self._model.body_pos, self._model.body_quat], axis=1).tobytes())
        return digest.hexdigest()

    def dynamics_sha256(self) -> str:
        """See `ExternalEnv.dynamics_sha256`."""
        return self._watch.sha256() if self._watch else ""


def _scene_of(model: Any, data: Any, where: str, task_map: TaskMap, profile: str) -> ModelScene | None:
    drawn = {key: picture for key, picture in task_map.pictures.items() if picture.camera}
    if not drawn:
        return None
    if model is None or data is None:
        raise SpecError(
            f"{where} has no MuJoCo model and data (env.unwrapped.model, .data), so no camera of it can be "
            "drawn; write render = true instead of camera"
        )
    if profile not in MODEL_PROFILES:
        raise SpecError(f"render profile {profile!r} is not known{nearest(profile, MODEL_PROFILES)}")
    others = [key for key in task_map.keys if is_camera(key) and key not in drawn]
    if others:
        raise SpecError(
            f"{where}: {next(iter(drawn))!r} is drawn from the model and {others[0]!r} is not, so a shift of "
            "the scene would reach only some cameras; name the model's cameras for all of them"
        )
    layout = ModelLayout(
        cameras={key: (picture.camera, picture.side) for key, picture in drawn.items()},
        target=task_map.scene.target,
        gripper=task_map.scene.gripper,
        parts=task_map.scene.parts,
    )
    try:
        return ModelScene(model, data, MODEL_PROFILES[profile], layout)
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None


def _model_of(env: gymnasium.Env[Any, Any]) -> Any:
    return _mujoco_attribute(env, "model", "MjModel")


def _data_of(env: gymnasium.Env[Any, Any]) -> Any:
    return _mujoco_attribute(env, "data", "MjData")


def _mujoco_attribute(env: gymnasium.Env[Any, Any], name: str, kind: str) -> Any:
    """``env.unwrapped.model`` or ``.data`` where it is MuJoCo's; None elsewhere."""
    mujoco = sys.modules.get("mujoco")
    value = getattr(env.unwrapped, name, None)
    return value if mujoco is not None and isinstance(value, getattr(mujoco, kind)) else None

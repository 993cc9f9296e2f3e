"""Any Gymnasium environment as a task: its numbers, frames and actions in our form, its MuJoCo model as a scene."""

import hashlib
import importlib.util
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api.errors import FdpBenchError, RenderingError, SpecError, nearest
from fdp_bench.api.modality import Observation, TaskInfo
from fdp_bench.sim.dynamics import DynamicsWatch
from fdp_bench.sim.gl import prepare_environment
from fdp_bench.sim.model_scene import MODEL_PROFILES, ModelLayout, ModelScene
from fdp_bench.tasks.foreign_map import TaskMap, find_map
from fdp_bench.tasks.foreign_senses import (
    ActionScaler,
    VectorReader,
    frame_space,
    is_camera,
    known_kinds,
    own_vector,
    square_frame,
    stated_kinds,
)
from fdp_bench.tasks.foreign_toml import parse_map

#: Option of `reset` that is ours: environments may refuse what they do not know.
_OUR_OPTIONS = ("shift_seed",)
#: Keys of an environment's metadata that a map's keys stand for.
_METADATA_KEYS = ("modalities", "default_modalities", "scene", "success")
#: Side of `render`'s pictures of the model, pixels.
_PICTURE_SIDE = 256


def make_foreign(task_id: str, profile: str) -> gymnasium.Env[Any, Any]:
    """Build an environment that is none of the package's.

    Args:
        task_id: Id that a map gives, or a Gymnasium id.
        profile: How frames of a MuJoCo model are drawn, ``"fast"`` or ``"reference"``.

    Returns:
        The environment, adapted where it does not keep all of our rules itself.

    Raises:
        SpecError: If it cannot be built, or cannot be a task; in one line with what to do.
    """
    with suppress(RenderingError):
        # Before mujoco is imported, which acts on it; who draws nothing needs no OpenGL.
        prepare_environment()
    task_map = find_map(task_id)
    name = task_map.environment if task_map else task_id
    _look_here_too(name)
    settings: dict[str, Any] = dict(task_map.arguments) if task_map else {}
    if task_map and task_map.horizon:
        settings["max_episode_steps"] = task_map.horizon
    if task_map and task_map.renders:
        settings["render_mode"] = "rgb_array"
    try:
        env = gymnasium.make(name, disable_env_checker=True, **settings)
    except FdpBenchError:
        raise
    except Exception as error:
        install = f"; install it: {task_map.install}" if task_map and task_map.install else ""
        hint = install if isinstance(error, ModuleNotFoundError) else ""
        reason = " ".join(str(error).split())
        raise SpecError(
            f"task {task_id!r} cannot be built: {type(error).__name__}: {reason}{hint}"
        ) from error
    try:
        return adapted(env, task_id, task_map, profile)
    except Exception:
        env.close()
        raise


def _look_here_too(name: str) -> None:
    """Let the module in front of an id's colon lie in the working folder, as with ``python -m``."""
    module, colon, _ = name.partition(":")
    here = str(Path.cwd())
    if colon and here not in sys.path and importlib.util.find_spec(module.partition(".")[0]) is None:
        sys.path.append(here)


def adapted(
    env: gymnasium.Env[Any, Any], task_id: str, task_map: TaskMap | None = None, profile: str = "fast"
) -> gymnasium.Env[Any, Any]:
    """Adapt an environment, unless it states a `task_info` of its own and nobody maps it.

    Args:
        env: The environment.
        task_id: What it is called.
        task_map: Its map; None for what its metadata say.
        profile: See `make_foreign`.

    Raises:
        SpecError: If it cannot be a task.
    """
    if task_map is None and isinstance(getattr(env.unwrapped, "task_info", None), TaskInfo):
        return env
    return ForeignEnv(env, task_map or map_of_metadata(env, task_id), task_id=task_id, profile=profile)


def map_of_metadata(env: gymnasium.Env[Any, Any], task_id: str) -> TaskMap:
    """The map that an environment's metadata state: ``modalities``, and more if it likes.

    That is ``default_modalities``, ``scene`` and ``success`` as in a map, ``components``, and ``cameras``.

    ``metadata["cameras"]`` names cameras of the environment's MuJoCo model, ``{"image.front": "front"}``: this package
    draws them then, in the place of the frames that the environment shows under the key.

    Raises:
        SpecError: If there is none, or it is malformed.
    """
    stated = env.unwrapped.metadata
    if not stated.get("modalities"):
        raise SpecError(
            f'task {task_id!r} states no metadata["modalities"], such as {{"prop": ("prop",)}}; state them, or write a '
            "map, a .toml file that --task names"
        )
    data: dict[str, Any] = {key: stated[key] for key in _METADATA_KEYS if key in stated}
    cameras = stated.get("cameras", {})
    data |= {
        # The id of a map must be one of its own; here the environment's is the task's.
        "id": "metadata/Task-v0",
        "environment": task_id,
        "observation": {key: {"camera": name} for key, name in dict(cameras).items()},
    }
    return parse_map(data, f"in the metadata of {task_id!r}")


class ForeignEnv(gymnasium.Env[Observation, npt.NDArray[np.float32]]):
    """An environment of somebody else's that keeps the rules of a task.

    Observations are a Dict of float32 vectors and uint8 frames by the map's modalities, actions lie in [-1, 1] and are
    scaled to the environment's own bounds, `info` has ``success``, and an episode has a horizon. Where all cameras
    are drawn from a MuJoCo model, `scene` offers that model to shifts; its dynamics and state are watched.

    Args:
        env: The environment, as `gymnasium.make` builds it.
        task_map: What of it is what.
        task_id: What the task is called.
        profile: How frames of a MuJoCo model are drawn.

    Attributes:
        inner: The environment.
        task_info: What a policy may know.
        scene: See `fdp_bench.api.scene.Scene`; None where frames are the environment's own.
        draw_images: While False, `reset` and `step` leave the camera keys out.

    Raises:
        SpecError: If the environment cannot be a task; in one line with what to do.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], task_map: TaskMap, *, task_id: str, profile: str = "fast"
    ) -> None:
        self.inner, self._map, self._where = env, task_map, f"task {task_id!r}"
        self.spec, self.render_mode = env.spec, env.render_mode
        self.draw_images = True
        self._scaler = ActionScaler(self._where, env.action_space)
        self.action_space = spaces.Box(-1.0, 1.0, (self._scaler.size,), np.float32)
        self._keys = [key for keys in task_map.modalities.values() for key in keys]
        self._readers = {key: self._reader(key) for key in self._keys if not is_camera(key)}
        self.scene = self._make_scene(profile)
        frames = {key: self._frame_space(key) for key in self._keys if is_camera(key)}
        vectors = {key: reader.space for key, reader in self._readers.items()}
        self.observation_space = spaces.Dict({**vectors, **frames})  # type: ignore[assignment]
        model = self._model()
        self._watch = DynamicsWatch(model) if model is not None else None
        self._watched, self._followed = model, self._data()
        modalities = {name: tuple(keys) for name, keys in task_map.modalities.items()}
        self.metadata = {
            **env.unwrapped.metadata,
            "modalities": modalities,
            "default_modalities": task_map.default_modalities,
            "components": known_kinds(self._readers),
        }
        self.task_info = TaskInfo(
            task_id=task_id,
            modalities=modalities,
            observation_shapes={
                key: tuple(space.shape or ()) for key, space in {**vectors, **frames}.items()
            },
            action_dim=self._scaler.size,
            horizon=self._horizon(),
            control_hz=float(task_map.control_hz or env.unwrapped.metadata.get("render_fps") or 0.0),
            profile=profile if self.scene is not None else "",
            default_modalities=task_map.default_modalities,
        )

    def __str__(self) -> str:
        """The task, as messages call it."""
        return self._where

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; `options` reach the environment but for ours."""
        theirs = {key: value for key, value in (options or {}).items() if key not in _OUR_OPTIONS}
        with self._watch.task_at_work() if self._watch else nullcontext():
            observation, info = self.inner.reset(seed=seed, options=theirs or None)
            self._follow_model()
        if self.scene is not None:
            self.scene.restore()
        return self._observation(observation), {"success": False, **self._with_success(info)}

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one control step.

        Args:
            action: Shape (A,); clipped to [-1, 1].

        Raises:
            ValueError: If the action has another shape or is not finite.
        """
        scaled = self._scaler.scaled(action)
        with self._watch.task_at_work() if self._watch else nullcontext():
            observation, reward, terminated, truncated, info = self.inner.step(scaled)
        shown = self._observation(observation)
        return shown, float(reward), bool(terminated), bool(truncated), self._with_success(info)

    def render(self) -> Any:
        """Draw the first camera of the scene for people, shape (256, 256, 3); else what the environment draws."""
        if self.scene is not None:
            return self.scene.picture(next(key for key in self._keys if is_camera(key)), _PICTURE_SIDE)
        return self._rendered()

    def close(self) -> None:
        """Close the environment and free what is held on the graphics side."""
        if self.scene is not None:
            self.scene.close()
        self.inner.close()

    def state(self) -> npt.NDArray[np.float64]:
        """The MuJoCo state, flat: time (s), joint positions and velocities, activations, mocap poses; else empty."""
        data = self._data() if self._watched is not None else None
        if data is None:
            return np.zeros(0)
        parts = (data.qpos, data.qvel, data.act, data.mocap_pos, data.mocap_quat)
        return np.concatenate([[data.time], *(np.ravel(part) for part in parts)])

    def state_sha256(self) -> str:
        """Digest of `state`, and of bodies that the environment moved in its model; empty without a MuJoCo model."""
        if self._watched is None:
            return ""
        digest = hashlib.sha256(self.state().tobytes())
        digest.update(np.concatenate([self._watched.body_pos, self._watched.body_quat], axis=1).tobytes())
        return digest.hexdigest()

    def dynamics_sha256(self) -> str:
        """Digest of what decides how the model moves; see `DynamicsWatch`. Empty without a MuJoCo model."""
        return self._watch.sha256() if self._watch else ""

    def _reader(self, key: str) -> VectorReader:
        space = self.inner.observation_space
        if key in self._map.vectors:
            return VectorReader(self._where, key, self._map.vectors[key], space)
        return own_vector(self._where, key, space, stated_kinds(self.inner.unwrapped.metadata, key))

    def _frame_space(self, key: str) -> spaces.Box:
        picture = self._map.pictures.get(key)
        if picture is None or picture.source:
            source = picture.source if picture else key
            space = self.inner.observation_space
            if not isinstance(space, spaces.Dict):
                raise SpecError(
                    f"{self._where}: nobody says where the frames of {key!r} come from; write in a map "
                    f'"{key}" = {{ camera = NAME }} or {{ render = true }}'
                )
            return frame_space(self._where, key, space, source)
        if picture.render and self.render_mode != "rgb_array":
            raise SpecError(
                f"{self._where}: {key!r} is rendered; make the environment with render_mode='rgb_array'"
            )
        return spaces.Box(0, 255, (picture.side, picture.side, 3), np.uint8)

    def _make_scene(self, profile: str) -> ModelScene | None:
        drawn = {key: picture for key, picture in self._map.pictures.items() if picture.camera}
        if not drawn:
            return None
        model, data = self._model(), self._data()
        if model is None or data is None:
            raise SpecError(
                f"{self._where} has no MuJoCo model and data (env.unwrapped.model, .data), so no camera of it can be "
                "drawn; write render = true instead of camera"
            )
        if profile not in MODEL_PROFILES:
            raise SpecError(f"render profile {profile!r} is not known{nearest(profile, MODEL_PROFILES)}")
        others = [key for key in self._keys if is_camera(key) and key not in drawn]
        if others:
            raise SpecError(
                f"{self._where}: {next(iter(drawn))!r} is drawn from the model and {others[0]!r} is not, so a shift of "
                "the scene would reach only some cameras; name the model's cameras for all of them"
            )
        scene = self._map.scene
        layout = ModelLayout(
            cameras={key: (picture.camera, picture.side) for key, picture in drawn.items()},
            target=scene.target,
            gripper=scene.gripper,
            parts=scene.parts,
        )
        try:
            return ModelScene(model, data, MODEL_PROFILES[profile], layout)
        except SpecError as error:
            raise SpecError(f"{self._where}: {error}") from None

    def _horizon(self) -> int:
        horizon = self.inner.spec.max_episode_steps if self.inner.spec else None
        horizon = horizon or self._map.horizon
        if not horizon:
            raise SpecError(
                f"{self._where} has no horizon; register it with max_episode_steps, or write horizon = 200 in a map"
            )
        return int(horizon)

    def _observation(self, observation: Any) -> Observation:
        shown: Observation = {key: reader.read(observation) for key, reader in self._readers.items()}
        if not self.draw_images:
            return shown
        cameras = [key for key in self._keys if is_camera(key)]
        if self.scene is not None:
            return {**shown, **self.scene.frames(cameras)}
        for key in cameras:
            picture = self._map.pictures.get(key)
            if picture is not None and picture.render:
                shown[key] = square_frame(self._where, self._rendered(), picture.side)
            else:
                # Some environments hand out their own buffer each time.
                shown[key] = np.array(observation[picture.source if picture else key])
        return shown

    def _rendered(self) -> Any:
        # Gymnasium's MuJoCo viewer draws on whichever context is current, and several environments share a process.
        renderer = getattr(self.inner.unwrapped, "mujoco_renderer", None)
        viewer = getattr(renderer, "viewer", None)
        if viewer is not None:
            viewer.make_context_current()
        return self.inner.render()

    def _with_success(self, info: dict[str, Any]) -> dict[str, Any]:
        if self._map.success not in info:
            return {key: value for key, value in info.items() if key != "success"}
        return {**info, "success": bool(info[self._map.success])}

    def _follow_model(self) -> None:
        """Go on with another model or state, if the environment made one."""
        model, data = self._model(), self._data()
        if model is None or (model is self._watched and data is self._followed):
            return
        if self._watch is not None and model is not self._watched:
            self._watch.follow(model)
        if self.scene is not None:
            self.scene.follow(model, data)
        self._watched, self._followed = model, data

    def _model(self) -> Any:
        return _mujoco_attribute(self.inner, "model", "MjModel")

    def _data(self) -> Any:
        return _mujoco_attribute(self.inner, "data", "MjData")


def check_starts_alike(env: ForeignEnv) -> None:
    """Reset an environment twice with one seed: every comparison is of episodes that start alike.

    Raises:
        SpecError: If it starts differently.
    """
    starts = []
    for _ in range(2):
        observation, _ = env.reset(seed=0)
        numbers = [observation[key] for key in env.observation_space.spaces if not is_camera(key)]  # type: ignore[attr-defined]
        starts.append(np.concatenate([*numbers, env.state()]))
        env.step(np.zeros(env.task_info.action_dim, np.float32))
    if not np.array_equal(starts[0], starts[1], equal_nan=True):
        raise SpecError(
            f"{env} starts differently when it is reset with the same seed, so no two episodes could be compared; draw "
            "its initial state from self.np_random, seeded by super().reset(seed=seed)"
        )


def _mujoco_attribute(env: gymnasium.Env[Any, Any], name: str, kind: str) -> Any:
    """``env.unwrapped.model`` or ``.data`` where it is MuJoCo's; None elsewhere."""
    mujoco = sys.modules.get("mujoco")
    value = getattr(env.unwrapped, name, None)
    return value if mujoco is not None and isinstance(value, getattr(mujoco, kind)) else None

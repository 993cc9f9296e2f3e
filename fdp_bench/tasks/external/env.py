"""An environment of somebody else's in our form: its numbers, frames and actions, its MuJoCo model as a scene."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api.errors import SpecError
from fdp_bench.api.modality import Observation, TaskInfo
from fdp_bench.api.success import SUCCESS
from fdp_bench.tasks.external.model import ForeignModel
from fdp_bench.tasks.external.senses import (
    ActionScaler,
    VectorReader,
    frame_space,
    is_camera,
    known_kinds,
    own_vector,
    square_frame,
    stated_kinds,
)
from fdp_bench.tasks.external.task_map import TaskMap

#: Option of `reset` that is ours: environments may refuse what they do not know.
_OUR_OPTIONS = ("shift_seed",)
#: Side of `render`'s pictures of the model, pixels.
_PICTURE_SIDE = 256


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
        map_sha256: Digest of the map, see `TaskMap.sha256`.

    Raises:
        SpecError: If the environment cannot be a task; in one line with what to do.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], task_map: TaskMap, *, task_id: str, profile: str = "fast"
    ) -> None:
        self.inner, self._map, self._where = env, task_map, f"task {task_id!r}"
        self.spec, self.render_mode = env.spec, env.render_mode
        self.draw_images = True
        self.map_sha256 = task_map.sha256
        self._scaler = ActionScaler(self._where, env.action_space)
        self.action_space = spaces.Box(-1.0, 1.0, (self._scaler.size,), np.float32)
        self._cameras = [key for key in task_map.keys if is_camera(key)]
        self._readers = {key: self._reader(key) for key in task_map.keys if not is_camera(key)}
        self._model = ForeignModel(env, self._where, task_map, profile)
        self.scene = self._model.scene
        frames = {key: self._frame_space(key) for key in self._cameras}
        vectors = {key: reader.space for key, reader in self._readers.items()}
        self.observation_space = spaces.Dict({**vectors, **frames})  # type: ignore[assignment]
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
            action_low=self._scaler.low,
            action_high=self._scaler.high,
        )

    def __str__(self) -> str:
        """The task, as messages call it."""
        return self._where

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; `options` reach the environment but for ours."""
        theirs = {key: value for key, value in (options or {}).items() if key not in _OUR_OPTIONS}
        with self._model.task_at_work():
            observation, info = self.inner.reset(seed=seed, options=theirs or None)
            self._model.follow()
        if self.scene is not None:
            self.scene.restore()
        return self._observation(observation), {SUCCESS: False, **self._with_success(info)}

    def step(self, action: npt.NDArray[Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one control step.

        Args:
            action: Shape (A,); clipped to [-1, 1].

        Raises:
            ValueError: If the action has another shape or is not finite.
        """
        scaled = self._scaler.scaled(action)
        with self._model.task_at_work():
            observation, reward, terminated, truncated, info = self.inner.step(scaled)
        shown = self._observation(observation)
        return shown, float(reward), bool(terminated), bool(truncated), self._with_success(info)

    @property
    def read_keys(self) -> tuple[str, ...]:
        """Keys that are made of the environment's observation alone; the other ones are cameras that are drawn."""
        held = [key for key in self._cameras if self._source(key)]
        return (*self._readers, *held)

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the environment's Dict space that `read_keys` are made of; none where it shows one array."""
        numbers = [source for reader in self._readers.values() for source in reader.sources]
        return tuple(dict.fromkeys(filter(None, [*numbers, *map(self._source, self._cameras)])))

    def read(self, observation: Any) -> Observation:
        """What the task shows of an observation of the environment's own: its `read_keys`."""
        shown: Observation = {key: reader.read(observation) for key, reader in self._readers.items()}
        for key in self._cameras:
            if source := self._source(key):
                # Some environments hand out their own buffer each time.
                frame, side = np.array(observation[source]), self._side(key)
                shown[key] = square_frame(self._where, frame, side) if side else frame
        return shown

    def render(self) -> Any:
        """Draw the first camera of the scene for people, shape (256, 256, 3); else what the environment draws."""
        if self.scene is not None:
            return self.scene.picture(self._cameras[0], _PICTURE_SIDE)
        return self._rendered()

    def close(self) -> None:
        """Close the environment and free what is held on the graphics side."""
        if self.scene is not None:
            self.scene.close()
        self.inner.close()

    def state(self) -> npt.NDArray[np.float64]:
        """The MuJoCo state, flat: time (s), joint positions and velocities, activations, mocap poses; else empty."""
        return self._model.state()

    def state_sha256(self) -> str:
        """Digest of `state`, and of bodies that the environment moved in its model; empty without a MuJoCo model."""
        return self._model.state_sha256()

    def dynamics_sha256(self) -> str:
        """Digest of what decides how the model moves; see `DynamicsWatch`. Empty without a MuJoCo model."""
        return self._model.dynamics_sha256()

    def _reader(self, key: str) -> VectorReader:
        space = self.inner.observation_space
        if key in self._map.vectors:
            return VectorReader(self._where, key, self._map.vectors[key], space)
        return own_vector(self._where, key, space, stated_kinds(self.inner.unwrapped.metadata, key))

    def _frame_space(self, key: str) -> spaces.Box:
        picture = self._map.pictures.get(key)
        if source := self._source(key):
            space = self.inner.observation_space
            if not isinstance(space, spaces.Dict):
                raise SpecError(
                    f"{self._where}: nobody says where the frames of {key!r} come from; write in a map "
                    f'"{key}" = {{ camera = NAME }} or {{ render = true }}'
                )
            box = frame_space(self._where, key, space, source)
            side = self._side(key)
            return spaces.Box(0, 255, (side, side, 3), np.uint8) if side else box
        assert picture is not None
        if picture.render and self.render_mode != "rgb_array":
            raise SpecError(
                f"{self._where}: {key!r} is rendered; make the environment with render_mode='rgb_array'"
            )
        return spaces.Box(0, 255, (picture.side, picture.side, 3), np.uint8)

    def _horizon(self) -> int:
        horizon = self.inner.spec.max_episode_steps if self.inner.spec else None
        horizon = horizon or self._map.horizon
        if not horizon:
            raise SpecError(
                f"{self._where} has no horizon; register it with max_episode_steps, or write horizon = 200 in a map"
            )
        return int(horizon)

    def _source(self, key: str) -> str:
        """Key of the environment's Dict space that holds a camera's frames; empty where they are drawn."""
        picture = self._map.pictures.get(key)
        return picture.source if picture else key

    def _side(self, key: str) -> int:
        """Side that a camera's frames are brought to, pixels; 0 where they stay as they are."""
        picture = self._map.pictures.get(key)
        return picture.side if picture else 0

    def _observation(self, observation: Any) -> Observation:
        if not self.draw_images:
            return {key: reader.read(observation) for key, reader in self._readers.items()}
        shown = self.read(observation)
        if self.scene is not None:
            return {**shown, **self.scene.frames(self._cameras)}
        for key in self._cameras:
            picture = self._map.pictures.get(key)
            if picture is not None and picture.render:
                shown[key] = square_frame(self._where, self._rendered(), picture.side)
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
            return {key: value for key, value in info.items() if key != SUCCESS}
        return {**info, SUCCESS: info[self._map.success]}

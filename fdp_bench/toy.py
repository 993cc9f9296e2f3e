"""A toy environment that starts in no time: plugin authors' tests and the conformance checks run on it.

A point gripper is pushed over a table towards a target and seen by two flat cameras. It keeps every rule
that a task's environment keeps (`task_info`, `scene`, `draw_images`, `state`), with no physics engine and no
OpenGL. Registered as ``fdp_bench_toy/Toy-v0``; ask for ``fdp_bench.toy:fdp_bench_toy/Toy-v0`` and Gymnasium imports
this file first.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api.episode import HOLD_STEPS
from fdp_bench.api.modality import Observation, TaskInfo
from fdp_bench.api.receipt import DISTRACTOR, GRIPPER, TARGET
from fdp_bench.api.scene import Footprint, SurfacePattern

TOY_TASK = "fdp_bench.toy:fdp_bench_toy/Toy-v0"
IMAGE_SIZE = 32
HORIZON = 40
CONTROL_HZ = 20.0
#: Half length of the square table, metres.
TABLE_HALF_EXTENT = 0.5
#: Half length of the square that each camera sees, metres; ``image.hand`` moves with the gripper.
VIEW_HALF_EXTENT = {"image.front": 0.5, "image.hand": 0.25}
#: Way of the gripper in one control step at full action, metres.
STEP_M = 0.03
SUCCESS_DISTANCE_M = 0.05

_RADIUS = {TARGET: 0.05, GRIPPER: 0.04, DISTRACTOR: 0.06}
_PARTS = {"table": 0, "object": TARGET, "robot": GRIPPER}
_COLORS = {
    0: (0.75, 0.72, 0.68),
    TARGET: (0.8, 0.1, 0.1),
    GRIPPER: (0.2, 0.2, 0.2),
    DISTRACTOR: (0.1, 0.5, 0.2),
}


class ToyScene:
    """The drawn scene of `ToyEnv`; implements `fdp_bench.api.Scene`."""

    material_groups: Mapping[str, tuple[str, ...]] = {part: (part,) for part in _PARTS}
    distractor_slots: tuple[str, ...] = tuple(f"ball_{i}" for i in range(6))
    table_half_extent = (TABLE_HALF_EXTENT, TABLE_HALF_EXTENT)
    table_center = (0.0, 0.0, 0.0)
    further_surfaces = ()
    workspace = Footprint((0.0, 0.0), 0.25)
    fixed_cameras: tuple[str, ...] = ("image.front",)

    def __init__(self, env: "ToyEnv") -> None:
        self._env = env
        self.restore()

    def restore(self) -> None:
        """Back to the clean look."""
        self._tints: dict[int, tuple[npt.NDArray[Any], float]] = {}
        self._patterns: dict[int, tuple[SurfacePattern, float]] = {}
        self._light = np.ones(3)
        self._brightness = 1.0
        self._camera_offsets = {key: np.zeros(2) for key in VIEW_HALF_EXTENT}
        self._distractors: dict[str, tuple[float, float]] = {}

    @property
    def keep_clear(self) -> Sequence[Footprint]:
        """See `Scene.keep_clear`."""
        x, y = self._env.target
        return (Footprint((float(x), float(y)), _RADIUS[TARGET]),)

    @property
    def target_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.target_position`."""
        return np.append(self._env.target, 0.0)

    @property
    def gripper_position(self) -> npt.NDArray[np.float64]:
        """See `Scene.gripper_position`."""
        return np.append(self._env.gripper, 0.0)

    def part_rgba(self, part: str) -> npt.NDArray[np.float32]:
        """See `Scene.part_rgba`."""
        return np.array([[*_COLORS[_PARTS[part]], 1.0]], dtype=np.float32)

    def tint_part(self, part: str, rgb: npt.NDArray[np.floating[Any]], *, amount: float) -> None:
        """See `Scene.tint_part`."""
        self._tints[_PARTS[part]] = (np.asarray(rgb, dtype=np.float64), amount)

    def texture_part(self, part: str, pattern: SurfacePattern, *, amount: float) -> None:
        """See `Scene.texture_part`."""
        self._patterns[_PARTS[part]] = (pattern, amount)

    @property
    def main_light_rgb(self) -> npt.NDArray[np.float64]:
        """See `Scene.main_light_rgb`."""
        return np.maximum(self._light, 1e-6)

    def set_lights(
        self,
        *,
        diffuse_scale: npt.NDArray[np.floating[Any]],
        ambient_scale: npt.NDArray[np.floating[Any]],
        specular_scale: npt.NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """See `Scene.set_lights`; nothing here shines."""
        del specular_scale
        self._light = self._light * (0.7 * np.asarray(diffuse_scale) + 0.3 * np.asarray(ambient_scale))

    def turn_lights(self, *, azimuth_rad: float, tilt_rad: float) -> None:
        """See `Scene.turn_lights`; the one light stands straight above the flat table."""
        del azimuth_rad
        self._brightness *= max(float(np.cos(tilt_rad)), 0.1)

    def move_camera(
        self,
        key: str,
        *,
        offset_m: npt.NDArray[np.floating[Any]],
        rotation_rad: npt.NDArray[np.floating[Any]],
    ) -> None:
        """See `Scene.move_camera`; cameras hang 1 m above the table, and neither zoom nor roll."""
        pitch, yaw, _ = rotation_rad
        self._camera_offsets[key] = self._camera_offsets[key] + offset_m[:2] + np.tan([-yaw, pitch])

    def slot_radius(self, slot: str) -> float:
        """See `Scene.slot_radius`."""
        del slot
        return _RADIUS[DISTRACTOR]

    def place_distractor(self, slot: str, *, xy: tuple[float, float], yaw: float) -> None:
        """See `Scene.place_distractor`."""
        del yaw
        self._distractors[slot] = xy

    def frames(self, keys: Sequence[str]) -> Observation:
        """See `Scene.frames`."""
        return {key: self._draw(key) for key in keys}

    def segmentation(self, key: str) -> npt.NDArray[np.uint8]:
        """See `Scene.segmentation`."""
        x, y = self._pixel_positions(key)
        things: list[tuple[int, Any]] = [(DISTRACTOR, xy) for xy in self._distractors.values()]
        labels = np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
        for label, center in (*things, (TARGET, self._env.target), (GRIPPER, self._env.gripper)):
            labels[np.hypot(x - center[0], y - center[1]) < _RADIUS[label]] = label
        return labels

    def project(self, key: str, point: npt.NDArray[np.floating[Any]]) -> tuple[float, float] | None:
        """See `Scene.project`."""
        center = self._camera_center(key)
        half = VIEW_HALF_EXTENT[key]
        u = 0.5 + (point[0] - center[0]) / (2 * half)
        v = 0.5 - (point[1] - center[1]) / (2 * half)
        return float(u), float(v)

    def _camera_center(self, key: str) -> npt.NDArray[np.float64]:
        middle: npt.NDArray[np.float64] = self._env.gripper if key == "image.hand" else np.zeros(2)
        return middle + self._camera_offsets[key]

    def _pixel_positions(self, key: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        steps = ((np.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE * 2 - 1) * VIEW_HALF_EXTENT[key]
        x, y = np.meshgrid(steps, -steps)
        center = self._camera_center(key)
        return x + center[0], y + center[1]

    def _draw(self, key: str) -> npt.NDArray[np.uint8]:
        x, y = self._pixel_positions(key)
        grain = 1.0 + 0.1 * np.sin(40 * x) * np.sin(55 * y)
        labels = self.segmentation(key)
        picture = np.zeros((IMAGE_SIZE, IMAGE_SIZE, 3))
        for label, color in _COLORS.items():
            rgb, amount = self._tints.get(label, (np.zeros(3), 0.0))
            drawn = (1 - amount) * grain[..., None] * np.array(color) + amount * rgb
            if label in self._patterns:
                pattern, share = self._patterns[label]
                drawn = (1 - share) * drawn + share * pattern(x, y)
            picture[labels == label] = drawn[labels == label]
        lit = np.clip(picture * self._light * self._brightness, 0, 1)
        frame: npt.NDArray[np.uint8] = np.round(255 * lit).astype(np.uint8)
        return frame


class ToyEnv(gymnasium.Env[Observation, npt.NDArray[np.float32]]):
    """Push the gripper onto the target.

    Action: displacement, shape (2,), in [-1, 1]. ``prop``: position of the gripper, shape (2,), metres.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": [],
        "modalities": {"prop": ("prop",), "vision": ("image.front", "image.hand")},
        "components": {"prop": ("position", "position")},
    }

    def __init__(self) -> None:
        image = gymnasium.spaces.Box(0, 255, (IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        limit = TABLE_HALF_EXTENT
        spaces: dict[str, gymnasium.Space[Any]] = {
            "prop": gymnasium.spaces.Box(-limit, limit, (2,), np.float32),
            "image.front": image,
            "image.hand": image,
        }
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Dict(spaces)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.task_info = TaskInfo(
            task_id=TOY_TASK,
            modalities=self.metadata["modalities"],
            observation_shapes={key: space.shape or () for key, space in spaces.items()},
            action_dim=2,
            horizon=HORIZON,
            control_hz=CONTROL_HZ,
        )
        self.draw_images = True
        self.step_m = STEP_M
        self.gripper = np.zeros(2)
        self.target = np.zeros(2)
        self._steps = self._held = 0
        self.scene = ToyScene(self)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode: gripper and target anywhere in the workspace."""
        super().reset(seed=seed, options=options)
        reach = 0.5 * ToyScene.workspace.radius
        self.gripper = self.np_random.uniform(-reach, reach, 2)
        self.target = self.np_random.uniform(-reach, reach, 2)
        self._steps = self._held = 0
        self.scene.restore()
        return self._observe(), {"success": False, "success_held": False}

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Move the gripper; ends when success held for `HOLD_STEPS` control steps."""
        limit = TABLE_HALF_EXTENT
        move = self.step_m * np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        self.gripper = np.clip(self.gripper + move, -limit, limit)
        self._steps += 1
        success = bool(np.linalg.norm(self.gripper - self.target) < SUCCESS_DISTANCE_M)
        self._held = self._held + 1 if success else 0
        held = self._held >= HOLD_STEPS
        info = {"success": success, "success_held": held}
        return self._observe(), float(success), held, self._steps >= HORIZON, info

    def state(self) -> npt.NDArray[np.float64]:
        """Control step, gripper and target, shape (5,)."""
        return np.array([self._steps, *self.gripper, *self.target])

    def state_sha256(self) -> str:
        """Digest of `state`."""
        return hashlib.sha256(self.state().tobytes()).hexdigest()

    def dynamics_sha256(self) -> str:
        """Digest of how far an action moves the gripper: all that decides how the toy moves."""
        return hashlib.sha256(np.float64(self.step_m).tobytes()).hexdigest()

    def safety(self) -> dict[str, float]:
        """No contact and no joints: zeros."""
        return {"peak_contact_force_n": 0.0, "peak_joint_speed_rad_s": 0.0}

    def _observe(self) -> Observation:
        observation: Observation = {"prop": self.gripper.astype(np.float32)}
        if self.draw_images:
            observation.update(self.scene.frames(("image.front", "image.hand")))
        return observation


gymnasium.register("fdp_bench_toy/Toy-v0", entry_point="fdp_bench.toy:ToyEnv")

"""What all tasks on robosuite share: exact resets, fresh frames, a drawn scene that shifts may change."""

import hashlib
from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from fdp_bench.api.episode import HOLD_STEPS
from fdp_bench.api.modality import DEFAULT_MODALITIES, ModalityMap, Observation, TaskInfo, image_keys
from fdp_bench.sim.drawn import drawn_model, profile_named
from fdp_bench.sim.dynamics import model_sha256
from fdp_bench.sim.layout import SceneLayout
from fdp_bench.sim.physics import CONTROL_HZ, model_xml, reset_exactly
from fdp_bench.sim.safety import SafetyMonitor
from fdp_bench.sim.scene import CAMERAS, FRAME_SIDE, DrawnScene
from fdp_bench.sim.stepper import make_stepper
from fdp_bench.sim.touch import SATURATION, TOUCH_COMPONENTS, TouchSensor

ACTION_DIM = 7
#: Side of `render`'s pictures, pixels.
PICTURE_SIDE = 256

#: What each component of `prop` is, in words that shifts of proprioception know.
PROP_COMPONENTS = ("joint",) * 7 + ("position",) * 3 + ("quaternion",) * 4 + ("finger",) * 2
#: Bounds of `prop`, component by component: the Panda's joints stay within 3.8 rad of 0, its hand within 1.5
#: m of the base, which stands 0.56 m from the world's origin and 0.91 m above it, and a finger travels 4 cm.
_PROP_LOW = np.array([-4.0] * 7 + [-3.0] * 3 + [0.0] + [-1.0] * 3 + [-0.1] * 2, np.float32)
_PROP_HIGH = np.array([4.0] * 7 + [3.0] * 3 + [1.0] * 4 + [0.1] * 2, np.float32)


class RobosuiteEnv(gymnasium.Env[Observation, npt.NDArray[np.float32]]):
    """A robosuite task with a Panda arm. Subclasses make the physics and name the bodies of the scene.

    Action, float32 (7,), each in [-1, 1]: hand displacement along the robot base's x, y, z (1 is 5 cm), its
    rotation vector (1 is 0.5 rad), gripper (-1 opens, 1 closes). It is robosuite's default OSC_POSE
    controller at 20 Hz.

    Observation:

    - ``prop``, float32 (16,): joint positions 7 (rad), end-effector position 3 (m, world frame), end-effector
      quaternion 4 (xyzw, of its two signs the one with x >= 0), finger positions 2 (m). Never holds anything
      of an object.
    - ``image.agentview`` and ``image.wrist``, uint8 (84, 84, 3): upright RGB frames, drawn after the control
      step.
    - ``tactile``, float32 (12,): wrist force 3 and torque 3, contact force on the left finger 3 and on the right 3,
      1 being 20 N or 2 N m, as of the last physics step; see `fdp_bench.sim.touch.TouchSensor`.

    The reward is 1 on a step with success by robosuite's own rule, else 0. An episode terminates when success
    has held for `HOLD_STEPS` control steps and is truncated after `horizon`. ``info`` has ``success`` and
    ``success_held``.

    Args:
        task_id: Gymnasium id.
        profile: Render profile, ``"fast"`` or ``"reference"``; see `fdp_bench.sim.drawn`.
        render_mode: ``"rgb_array"`` or None.
        draw_images: Whether observations hold frames; see the attribute.
        read_touch: Whether observations hold touch; see the attribute.
        stepper: ``"compiled"``, or ``"robosuite"`` for the same law in robosuite's own code, six times slower; see
            `fdp_bench.sim.stepper`.

    Attributes:
        draw_images: While False, `reset` and `step` leave the camera keys out; `scene.frames` still draws.
        read_touch: While False, `reset` and `step` leave ``tactile`` out, and it costs nothing.
        scene: What shifts may touch; see `fdp_bench.api.scene.Scene`.
        robosuite_env: The raw robosuite environment, physics only.
        horizon: Control steps after which an episode is truncated.

    Raises:
        SpecError: If the profile or the stepper is not known.
        RenderingError: If no OpenGL can be used.
    """

    horizon: ClassVar[int]
    #: See `fdp_bench.sim.drawn.PICTURE_VERSION`.
    picture_version: ClassVar[int] = 2

    metadata: dict[str, Any] = {  # noqa: RUF012 (as Gymnasium declares it)
        "render_modes": ["rgb_array"],
        "render_fps": CONTROL_HZ,
        "modalities": {"prop": ("prop",), "vision": tuple(CAMERAS), "tactile": ("tactile",)},
        "components": {"prop": PROP_COMPONENTS, "tactile": TOUCH_COMPONENTS},
    }

    def __init__(
        self,
        *,
        task_id: str,
        profile: str = "fast",
        render_mode: str | None = None,
        draw_images: bool = True,
        read_touch: bool = True,
        stepper: str = "compiled",
    ) -> None:
        render_profile = profile_named(profile)
        self.render_mode = render_mode
        self.draw_images = draw_images
        self.read_touch = read_touch
        self.robosuite_env = self._make_physics()
        self._take_control_step = make_stepper(stepper, self.robosuite_env)
        self._model = self.robosuite_env.sim.model._model
        self._data = self.robosuite_env.sim.data._data
        drawn = drawn_model(model_xml(self.robosuite_env), self._model, render_profile, self.picture_version)
        self.scene = DrawnScene(drawn, self._model, self._data, render_profile, self._layout())
        self._safety = SafetyMonitor(self._model, self._data)
        self._touch = TouchSensor(self._model, self._data)
        self._reading: npt.NDArray[np.float32] | None = None
        self.action_space = spaces.Box(-1.0, 1.0, (ACTION_DIM,), np.float32)
        frame_space = spaces.Box(0, 255, (FRAME_SIDE, FRAME_SIDE, 3), np.uint8)
        self.observation_space = spaces.Dict(  # type: ignore[assignment]
            {
                "prop": spaces.Box(_PROP_LOW, _PROP_HIGH),
                **dict.fromkeys(CAMERAS, frame_space),
                "tactile": spaces.Box(-SATURATION, SATURATION, (len(TOUCH_COMPONENTS),), np.float32),
            }
        )
        self.task_info = self.describe(task_id, profile)
        robot = self.robosuite_env.robots[0]
        self._joints = np.array(robot._ref_joint_pos_indexes)
        self._fingers = np.array(robot._ref_gripper_joint_pos_indexes["right"])
        self._grip_site = robot.eef_site_id["right"]
        self._hand = self._model.body(robot.robot_model.eef_name["right"]).id
        self._steps = self._success_steps = 0

    @abstractmethod
    def _make_physics(self) -> Any:
        """Make the robosuite environment; see `fdp_bench.sim.physics.make_physics`."""

    @abstractmethod
    def _layout(self) -> SceneLayout:
        """Name the bodies of the scene."""

    @classmethod
    def describe(cls, task_id: str, profile: str = "fast") -> TaskInfo:
        """What a policy may know about the task, without building it."""
        modalities: ModalityMap = cls.metadata["modalities"]
        frame_shape = (FRAME_SIDE, FRAME_SIDE, 3)
        return TaskInfo(
            task_id=task_id,
            modalities=modalities,
            observation_shapes={
                "prop": _PROP_LOW.shape,
                **dict.fromkeys(CAMERAS, frame_shape),
                "tactile": (len(TOUCH_COMPONENTS),),
            },
            action_dim=ACTION_DIM,
            horizon=cls.horizon,
            control_hz=float(CONTROL_HZ),
            profile=profile,
            default_modalities=DEFAULT_MODALITIES,
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; the same seed starts the same episode, whatever came before.

        Args:
            seed: Seed of the initial state; None goes on with the stream of the last seed.
            options: Left to wrappers.
        """
        super().reset(seed=seed)
        reset_exactly(self.robosuite_env, int(self.np_random.integers(2**63)))
        self.scene.restore()
        self._safety.reset()
        self._steps = self._success_steps = 0
        self._reading = self._touch.read_at_rest() if self.read_touch else None
        return self._observation(), {"success": False, "success_held": False}

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one control step, 25 physics steps of 2 ms.

        Args:
            action: Shape (7,); clipped to [-1, 1].

        Raises:
            ValueError: If the action has another shape or is not finite.
        """
        action = np.asarray(action, np.float64)
        if action.shape != (ACTION_DIM,) or not np.isfinite(action).all():
            raise ValueError(f"action {action!r} is not {ACTION_DIM} finite numbers")
        self._take_control_step(np.clip(action, -1.0, 1.0))
        success = bool(self.robosuite_env._check_success())
        self._safety.update()
        self._reading = self._touch.read() if self.read_touch else None
        self._steps += 1
        self._success_steps = self._success_steps + 1 if success else 0
        held = self._success_steps >= HOLD_STEPS
        info = {"success": success, "success_held": held}
        return self._observation(), float(success), held, self._steps >= self.horizon and not held, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Draw agentview's scene for people, shape (256, 256, 3); None without a render mode."""
        if self.render_mode is None:
            return None
        return self.scene.picture("image.agentview", PICTURE_SIDE)

    def close(self) -> None:
        """Free the simulation and what is held on the graphics side. Safe to call twice."""
        self.scene.close()
        if self.robosuite_env.sim is not None:
            self.robosuite_env.close()

    def state(self) -> npt.NDArray[np.float64]:
        """The physics state, flat: time (s), joint positions, joint velocities."""
        return np.concatenate([[self._data.time], self._data.qpos, self._data.qvel])

    def state_sha256(self) -> str:
        """Digest of `state`, 64 hexadecimal digits."""
        return hashlib.sha256(self.state().tobytes()).hexdigest()

    def dynamics_sha256(self) -> str:
        """Digest of what decides how the model moves; see `fdp_bench.sim.dynamics.model_sha256`."""
        return model_sha256(self._model)

    def safety(self) -> dict[str, float]:
        """Safety figures of the episode so far; see `fdp_bench.sim.safety.SafetyMonitor`."""
        return self._safety.figures()

    def _observation(self) -> Observation:
        import mujoco

        # robosuite leaves body positions one physics step behind the joints. Its next step begins with the
        # same computation, so the trajectory is not touched.
        mujoco.mj_kinematics(self._model, self._data)
        w, x, y, z = self._data.xquat[self._hand]
        # A hand that points down has x near 1 and w near 0, where the usual sign rule, w >= 0, would jump.
        quaternion = np.array([x, y, z, w]) * (-1.0 if x < 0.0 else 1.0)
        qpos = self._data.qpos
        prop = np.concatenate(
            [qpos[self._joints], self._data.site_xpos[self._grip_site], quaternion, qpos[self._fingers]]
        )
        observation: Observation = {"prop": prop.astype(np.float32)}
        if self.draw_images:
            observation.update(self.scene.frames(image_keys(tuple(CAMERAS))))
        if self._reading is not None:
            observation["tactile"] = self._reading.copy()
        return observation

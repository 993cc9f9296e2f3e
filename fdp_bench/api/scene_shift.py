"""A shift of the drawn scene: materials, lights, distractors; the physics never sees it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium

from fdp_bench.api.errors import ShiftConfigError, UnsupportedShiftError
from fdp_bench.api.modality import Observation, image_keys
from fdp_bench.api.receipt import GRIPPER, TARGET, Segmentations, hidden_share, lost_share
from fdp_bench.api.scene import Scene
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS, ObservationShift, Shift


class SceneShift(Shift):
    """A shift of what stands before the cameras. Subclasses write `dress`.

    The environment restores its scene before each episode and the shifts dress it from the innermost
    outwards, so they compose and never add up over episodes. Observation shifts edit finished frames and stay
    outside.

    Raises:
        ShiftConfigError: If an observation shift lies between this shift and the environment.
    """

    #: Whether a pixel shows the same place as without the shift; a shift that moves cameras says False.
    keeps_view: ClassVar[bool] = True

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        inner: gymnasium.Env[Any, Any] = env
        while isinstance(inner, gymnasium.Wrapper):
            if isinstance(inner, ObservationShift):
                raise ShiftConfigError(
                    f"shift {self.name!r} alters the scene and cannot wrap {inner.name!r}, which edits "
                    f"finished frames; put {self.name!r} innermost"
                )
            inner = inner.env

    @abstractmethod
    def dress(self, scene: Scene) -> dict[str, Any]:
        """Alter the scene for this episode with `self.rng`.

        Called once a reset, after the initial state is set; never at severity 0.

        Returns:
            The episode's physical parameters for the receipt, JSON-ready.
        """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment, dress its scene and draw the first frame of it."""
        scene = scene_of(self.env, self.name)
        observation, info = self._reset_with_frames(seed, options)
        self._start_episode(seed, options or {})
        parameters: dict[str, Any] = {}
        shifted = dict(observation)
        shares: list[dict[str, float]] = [{}, {}]
        if self.severity > 0.0:
            keys = image_keys(observation)
            before = _segmentations(scene, keys)
            parameters = self.dress(scene)
            shifted.update(scene.frames(keys))
            after = _segmentations(scene, keys)
            shares = [self._hidden_share(before, after, label) for label in (TARGET, GRIPPER)]
        self._write_receipt(parameters, observation, shifted, *shares)
        return self._without_unread_frames(shifted), info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the environment; the dressed scene is drawn by the environment itself."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.step_count += 1
        return observation, reward, terminated, truncated, info

    def _hidden_share(self, before: Segmentations, after: Segmentations, label: int) -> dict[str, float]:
        if not self.keeps_view:
            return lost_share(before, after, label)
        return hidden_share(before, {key: after[key] != before[key] for key in before}, label)


def _segmentations(scene: Scene, keys: Sequence[str]) -> Segmentations:
    return {key: scene.segmentation(key) for key in keys}


def scene_of(env: gymnasium.Env[Any, Any], shift_name: str) -> Scene:
    """The scene an environment draws its frames from.

    Raises:
        UnsupportedShiftError: If the environment has none.
    """
    scene: Scene | None = getattr(env.unwrapped, "scene", None)
    if scene is None:
        raise UnsupportedShiftError(
            f"shift {shift_name!r} alters the scene, and {env.unwrapped} offers none; "
            "use an observation-level shift such as 'occlusion'"
        )
    return scene

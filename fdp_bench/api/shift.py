"""What a shift is: a `gymnasium.Wrapper` that makes one sense lie, and says what it did.

Two bases: `ObservationShift` edits observations (arrays in, arrays out) and works on any environment;
`fdp_bench.api.scene_shift.SceneShift` edits the picture's own scene (materials, lights, distractor slots). A
visual shift never touches the physics: scenes are drawn from a model of their own (`fdp_bench.sim`).
"""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api.errors import ShiftConfigError
from fdp_bench.api.modality import Observation, image_keys
from fdp_bench.api.options import OptionValues, resolve_options
from fdp_bench.api.receipt import (
    GRIPPER,
    TARGET,
    Receipt,
    hidden_share,
    pixel_change,
)
from fdp_bench.api.scene import Scene
from fdp_bench.api.streams import SHIFT, stream_int

#: Number of whole severity levels; level L stands for severity L / LEVELS.
LEVELS = 5
DEFAULT_LEVEL = 3


@dataclass(frozen=True)
class ShiftSpec:
    """A parsed shift string, ``name[@severity][?key=value&...]``.

    Attributes:
        name: Name of the plugin, for instance ``"occlusion"``.
        severity: Severity in (0, 1].
        options: Options behind the question mark, as text.
    """

    name: str
    severity: float = DEFAULT_LEVEL / LEVELS
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Canonical text: the severity as a level where it is one, options sorted by name."""
        # A level has no decimal point, anything else has one (tiny numbers included): the text parses back.
        levels = {level / LEVELS: str(level) for level in range(1, LEVELS + 1)}
        shown = levels.get(self.severity) or np.format_float_positional(self.severity, trim="0")
        text = f"{self.name}@{shown}"
        if self.options:
            text += "?" + "&".join(f"{key}={self.options[key]}" for key in sorted(self.options))
        return text


class Shift(gymnasium.Wrapper):
    """Base of all shifts; entry points of the group ``fdp_bench.shifts`` name subclasses of it.

    Built as ``cls(env, severity=0.6, **options)`` with options as keyword arguments, text or typed. The
    shift's clock `step_count` counts control steps since reset. All randomness of an episode comes from
    `rng`, made anew at each reset from ``options["shift_seed"]`` (from the reset's seed where that is
    missing).

    Attributes:
        severity: In [0, 1]; 0 is the identity.
        rng: The episode's random stream.
        step_count: Control steps since reset.
    """

    #: Name in specs; equals the entry point's name.
    name: ClassVar[str] = ""
    #: One line for `fdp-bench list`.
    summary: ClassVar[str] = ""
    #: Modality whose observations are altered.
    modality: ClassVar[str] = "vision"
    #: Option name -> allowed values, the default first, or the default alone where the value is free.
    option_values: ClassVar[OptionValues] = {}
    #: Earlier frames that the shift reads, in control steps; (0,) reads only the frame it alters. Where they depend on
    #: severity or options, `__init__` sets those of the instance.
    frame_lags: tuple[int, ...] = (0,)
    #: Choices of options that tables and film strips show, those of the defaults first.
    shown_options: ClassVar[tuple[Mapping[str, str], ...]] = ({},)

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env)
        if not isinstance(severity, (int, float)) or not 0.0 <= severity <= 1.0:
            closest = 1.0 if isinstance(severity, (int, float)) and severity > 1.0 else DEFAULT_LEVEL / LEVELS
            raise ShiftConfigError(
                f"severity {severity!r} of shift {self.name!r} is not a number in [0, 1] "
                f"(level L is L/{LEVELS}); try severity={closest}"
            )
        self.severity = float(severity)
        self.options = self._resolve_options(options)
        self.rng = np.random.default_rng(0)
        self.step_count = 0
        self._receipt: Receipt | None = None

    @classmethod
    def _resolve_options(cls, options: Mapping[str, Any]) -> dict[str, str]:
        return resolve_options(f"shift {cls.name!r}", cls.option_values, options, ShiftConfigError)

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """The physical parameters at a severity, for ``fdp-bench shifts table``.

        Subclasses give the numbers that `alter` or `dress` uses, from the same functions and constants. The
        table has a row for each parameter of each of `shown_options`.

        Args:
            severity: In (0, 1].
            options: All options, as `options` holds them.

        Returns:
            Parameter with its unit -> value as text, for instance ``{"standard deviation, rad": "0.02"}``; the
            same parameters at each severity. Empty for a shift that states none.
        """
        del severity, options
        return {}

    @property
    def shift_spec(self) -> ShiftSpec:
        """The shift as a spec, options that equal their default left out."""
        defaults = self._resolve_options({})
        kept = {key: value for key, value in self.options.items() if defaults[key] != value}
        return ShiftSpec(self.name, self.severity, kept)

    @property
    def camera_keys(self) -> tuple[str, ...]:
        """Camera keys of the environment's observation space, sorted."""
        space = self.env.observation_space
        return tuple(sorted(image_keys(space.spaces))) if isinstance(space, gymnasium.spaces.Dict) else ()

    def receipt(self) -> Receipt:
        """What the shift did to this episode.

        Raises:
            RuntimeError: If the environment was never reset.
        """
        if self._receipt is None:
            raise RuntimeError(f"shift {self.name!r} has no receipt before the first reset")
        return self._receipt

    def _write_receipt(
        self,
        parameters: Mapping[str, Any],
        clean: Observation,
        shifted: Observation,
        target_hidden: Mapping[str, float],
        gripper_hidden: Mapping[str, float],
    ) -> None:
        self._receipt = Receipt(
            shift=str(self.shift_spec),
            parameters=parameters,
            pixel_change=pixel_change(clean, shifted),
            target_hidden=target_hidden,
            gripper_hidden=gripper_hidden,
        )

    def _reset_with_frames(
        self, seed: int | None, options: dict[str, Any] | None
    ) -> tuple[Observation, dict[str, Any]]:
        # The effect is measured on the first frame, so that frame is drawn even when nobody else reads it.
        base: Any = self.env.unwrapped
        drawing = getattr(base, "draw_images", None)
        if drawing is None:
            return self.env.reset(seed=seed, options=options)
        base.draw_images = True
        try:
            return self.env.reset(seed=seed, options=options)
        finally:
            base.draw_images = drawing

    def _without_unread_frames(self, observation: Observation) -> Observation:
        if getattr(self.env.unwrapped, "draw_images", True):
            return observation
        return {key: value for key, value in observation.items() if key not in image_keys(observation)}

    def _start_episode(self, seed: int | None, options: Mapping[str, Any]) -> None:
        if "shift_seed" in options:
            shift_seed = int(options["shift_seed"])
        else:
            shift_seed = stream_int(0 if seed is None else seed, 0, SHIFT)
        # The name keeps composed shifts independent of one another.
        key = int.from_bytes(re.sub(r"[^a-z]", "", self.name).encode()[:7].ljust(7, b"_"), "big")
        self.rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([shift_seed, key])))
        self.step_count = 0


class ObservationShift(Shift):
    """A shift of observations, arrays in and arrays out. Subclasses write `begin` and `alter`."""

    def begin(self, observation: Observation) -> None:
        """Draw the episode's parameters from `self.rng`, given its first unaltered observation."""

    @abstractmethod
    def alter(self, observation: Observation) -> Observation:
        """Return the altered observation for the current `self.step_count`.

        Args:
            observation: Unaltered observation; never modified in place. Camera keys are absent on control
                steps whose frames nobody reads, so the result must not depend on how often this is called.

        Returns:
            A new dictionary; untouched keys may share their arrays.
        """

    def parameters(self) -> dict[str, Any]:
        """The episode's physical parameters for the receipt, JSON-ready."""
        return {}

    def covers(self, key: str, shape: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """Which pixels of a camera show nothing of the scene at the current `self.step_count`.

        The receipt's hidden shares are measured by it. A shift that blurs, recolours or warps covers nothing.

        Args:
            key: Camera key.
            shape: Height and width of the frame in pixels.

        Returns:
            Mask of that shape, or None for none.
        """
        del key, shape
        return None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment, start the shift's stream and alter the first observation."""
        observation, info = self._reset_with_frames(seed, options)
        self._start_episode(seed, options or {})
        self.begin(observation)
        altered = self._altered(observation)
        scene: Scene | None = getattr(self.env.unwrapped, "scene", None)
        segmentations, hidden = {}, {}
        if scene is not None and self.severity > 0.0:
            for key in image_keys(observation):
                segmentations[key] = scene.segmentation(key)
                shape = segmentations[key].shape
                mask = self.covers(key, (shape[0], shape[1]))
                hidden[key] = np.zeros(shape, dtype=np.bool_) if mask is None else mask
        shares = (hidden_share(segmentations, hidden, label) for label in (TARGET, GRIPPER))
        self._write_receipt(self.parameters(), observation, altered, *shares)
        return self._without_unread_frames(altered), info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the environment and alter what it shows."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.step_count += 1
        return self._altered(observation), reward, terminated, truncated, info

    def _altered(self, observation: Observation) -> Observation:
        return dict(observation) if self.severity == 0.0 else self.alter(observation)

"""What a shift is: a `gymnasium.Wrapper` that makes one sense lie, and says what it did.

Two bases: `ObservationShift` edits observations (arrays in, arrays out) and works on any environment;
`SceneShift` edits the picture's own scene (materials, lights, cameras, distractor slots). A visual shift never
touches the physics: scenes are drawn from a model of their own (`fdp_bench.sim`).
"""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np

from fdp_bench.api.errors import ShiftConfigError, UnsupportedShiftError, nearest
from fdp_bench.api.modality import Observation, image_keys
from fdp_bench.api.streams import SHIFT, stream_int

if TYPE_CHECKING:
    from fdp_bench.api.scene import Scene

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
        level = self.severity * LEVELS
        shown = str(round(level)) if abs(level - round(level)) < 1e-9 else repr(self.severity)
        text = f"{self.name}@{shown}"
        if self.options:
            text += "?" + "&".join(f"{key}={self.options[key]}" for key in sorted(self.options))
        return text


@dataclass(frozen=True)
class Receipt:
    """What a shift did to one episode, measured on its first frame.

    Attributes:
        shift: Canonical shift string.
        status: ``"applied"``, or ``"unsupported"``.
        parameters: The physical parameters drawn or computed for this episode, JSON-ready.
        pixel_change: Camera key -> mean absolute change of a pixel's channel, in [0, 255], against the same
            frame without the shift.
        target_hidden: Camera key -> share of the target's visible pixels that the shift hides, in [0, 1];
            a camera that does not see the target is left out.
        gripper_hidden: Likewise for the gripper.
    """

    shift: str
    status: str = "applied"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pixel_change: Mapping[str, float] = field(default_factory=dict)
    target_hidden: Mapping[str, float] = field(default_factory=dict)
    gripper_hidden: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The receipt as a JSON-ready dictionary."""
        return asdict(self)


class Shift(gymnasium.Wrapper):  # type: ignore[type-arg]
    """Base of all shifts; entry points of the group ``fdp_bench.shifts`` name subclasses of it.

    Built as ``cls(env, severity=0.6, **options)`` with options as keyword arguments, text or typed. The shift's
    clock `step_count` counts control steps since reset. All randomness of an episode comes from `rng`, made
    anew at each reset from ``options["shift_seed"]`` (from the reset's seed where that is missing).

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
    option_values: ClassVar[Mapping[str, tuple[str, ...] | str]] = {}
    #: Earlier frames that the shift reads, in control steps; (0,) reads only the frame it alters.
    frame_lags: ClassVar[tuple[int, ...]] = (0,)

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env)
        if not 0.0 <= severity <= 1.0:
            raise ShiftConfigError(
                f"severity {severity!r} of shift {self.name!r} is outside [0, 1]; use a level 1-5 or a number in (0, 1]"
            )
        self.severity = float(severity)
        self.options = self._resolve_options(options)
        self.rng = np.random.default_rng(0)
        self.step_count = 0

    @classmethod
    def _resolve_options(cls, options: Mapping[str, Any]) -> dict[str, str]:
        resolved = {
            key: values if isinstance(values, str) else values[0] for key, values in cls.option_values.items()
        }
        for key, value in options.items():
            if key not in resolved:
                raise ShiftConfigError(f"shift {cls.name!r} has no option {key!r}{nearest(key, resolved)}")
            allowed = cls.option_values[key]
            if not isinstance(allowed, str) and str(value) not in allowed:
                raise ShiftConfigError(
                    f"option {key}={value!s} of shift {cls.name!r} is not known{nearest(str(value), allowed)}"
                )
            resolved[key] = str(value)
        return resolved

    @property
    def spec(self) -> ShiftSpec:
        """The shift as a spec, options that equal their default left out."""
        defaults = self._resolve_options({})
        kept = {key: value for key, value in self.options.items() if defaults[key] != value}
        return ShiftSpec(self.name, self.severity, kept)

    @abstractmethod
    def receipt(self) -> Receipt:
        """What the shift did to this episode; valid after reset."""

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
            observation: Unaltered observation; never modified in place. Camera keys are absent on control steps whose
                frames nobody reads, so the result must not depend on how often this is called.

        Returns:
            A new dictionary; untouched keys may share their arrays.
        """

    def parameters(self) -> dict[str, Any]:
        """The episode's physical parameters for the receipt, JSON-ready."""
        return {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment, start the shift's stream and alter the first observation."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._start_episode(seed, options or {})
        self.begin(observation)
        altered = self._altered(observation)
        self._receipt = Receipt(
            shift=str(self.spec),
            parameters=self.parameters(),
            pixel_change=pixel_change(observation, altered),
        )
        return altered, info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the environment and alter what it shows."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.step_count += 1
        return self._altered(observation), reward, terminated, truncated, info

    def _altered(self, observation: Observation) -> Observation:
        return dict(observation) if self.severity == 0.0 else self.alter(observation)

    def receipt(self) -> Receipt:
        """See `Shift.receipt`."""
        return self._receipt


class SceneShift(Shift):
    """A shift of what stands before the cameras. Subclasses write `dress`.

    The scene is restored before each episode, outermost shift last, so shifts compose and never add up over
    episodes.
    """

    @abstractmethod
    def dress(self, scene: "Scene") -> dict[str, Any]:
        """Alter the scene for this episode with `self.rng`; called once a reset, after the initial state is set.

        Returns:
            The episode's physical parameters for the receipt, JSON-ready.
        """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment, dress its scene and draw the first frame of it."""
        scene = scene_of(self.env, self.name)
        observation, info = self.env.reset(seed=seed, options=options)
        self._start_episode(seed, options or {})
        parameters: dict[str, Any] = {}
        shifted = dict(observation)
        if self.severity > 0.0:
            parameters = self.dress(scene)
            shifted.update(scene.frames(image_keys(observation)))
        self._receipt = Receipt(
            shift=str(self.spec), parameters=parameters, pixel_change=pixel_change(observation, shifted)
        )
        return shifted, info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the environment; the dressed scene is drawn by the environment itself."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.step_count += 1
        return observation, reward, terminated, truncated, info

    def receipt(self) -> Receipt:
        """See `Shift.receipt`."""
        return self._receipt


def scene_of(env: gymnasium.Env[Any, Any], shift_name: str) -> "Scene":
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


def pixel_change(clean: Observation, shifted: Observation) -> dict[str, float]:
    """Mean absolute change of a pixel's channel for each camera key, in [0, 255]."""
    return {
        key: float(np.abs(clean[key].astype(np.int16) - shifted[key].astype(np.int16)).mean())
        for key in image_keys(clean)
        if key in shifted
    }

"""Occlusion: cameras that see less, by a grey card, by dark spells, or by going black for good.

Everything random is drawn once an episode, from the episode's stream, and never depends on the severity. So
the pixels that a low severity covers are covered at each higher one too, for the same episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api import Observation, ObservationShift, Scene, image_keys
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS
from fdp_shifts.cameras import chosen_cameras

#: Card area over frame area at severity 1.
MAX_CARD_AREA_FRACTION = 0.45
#: The card's centre lies between the target and at most this share of the way to the gripper.
MAX_CARD_LEAN = 0.8
#: The card's centre misses that line by at most this, as a fraction of the frame's width and height.
CARD_JITTER = 0.05
CARD_GREY = 128
#: Share of control steps at which a camera is dark at severity 1.
MAX_DARK_SHARE = 0.9
#: One dark spell falls in each period; control steps, lowest and highest (1 to 2 s at 20 Hz).
SPELL_PERIOD_STEPS = (20, 40)
#: Cameras are lost one after another over this many control steps (2 s at 20 Hz: an approach and a grasp).
LOSS_WINDOW_STEPS = 40


def card_area_fraction(severity: float) -> float:
    """Card area over frame area for a severity in [0, 1]."""
    return MAX_CARD_AREA_FRACTION * severity


def dark_share(severity: float) -> float:
    """Share of control steps at which an intermittent camera is dark, for a severity in [0, 1]."""
    return MAX_DARK_SHARE * severity


def loss_steps(severity: float, cameras: int) -> list[int | None]:
    """Control step from which each camera is lost, in the order in which they fail.

    Severity is the lost share of (cameras x loss window): of two cameras, 0.5 loses one from the start, and
    0.75 loses the other from the middle of the window on.

    Args:
        severity: In [0, 1].
        cameras: Number of cameras, >= 0.

    Returns:
        One entry a camera: a control step, or None for a camera that stays.
    """
    steps: list[int | None] = []
    for rank in range(cameras):
        lost_share = min(max(severity * cameras - rank, 0.0), 1.0)
        steps.append(round((1.0 - lost_share) * LOSS_WINDOW_STEPS) if lost_share > 1e-9 else None)
    return steps


@dataclass(frozen=True)
class Card:
    """A flat grey card fixed in the frame.

    It keeps the frame's aspect ratio, and is pushed back inside where it would cross the edge, so
    `area_fraction` means the same everywhere and at every resolution.

    Attributes:
        center_uv: Its centre as fractions of (width, height), origin top-left, before it is pushed back.
        area_fraction: Card area over frame area, in [0, 1].
    """

    center_uv: tuple[float, float]
    area_fraction: float
    fill: ClassVar[int] = CARD_GREY

    def covers(self, step: int, shape: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """Covered pixels of a frame of `shape` (H, W); the same at each control step."""
        del step
        half = 0.5 * self.area_fraction**0.5
        sides = []
        for center, size in zip(self.center_uv[::-1], shape, strict=True):
            start = min(max(center, half), 1.0 - half) - half
            sides.append(slice(round(start * size), round((start + 2 * half) * size)))
        mask = np.zeros(shape, dtype=np.bool_)
        mask[sides[0], sides[1]] = True
        return mask

    def parameters(self) -> dict[str, Any]:
        """What was drawn, JSON-ready."""
        return {"center_uv": list(self.center_uv)}


@dataclass(frozen=True)
class DarkSpells:
    """Black frames for one spell in each period.

    Attributes:
        share: Share of each period that is dark, in [0, 1].
        period: Length of a period in control steps.
        phase: Control steps by which the first period began before the episode.
        seed: Seed of the places of the spells within their periods.
    """

    share: float
    period: int
    phase: int
    seed: int
    fill: ClassVar[int] = 0

    def is_dark(self, step: int) -> bool:
        """Whether the camera is dark at a control step."""
        index, position = divmod(step + self.phase, self.period)
        length = self.share * self.period
        # The spell of a period depends on nothing but the seed and the period, whichever frames are drawn.
        anchor = np.random.default_rng([self.seed, index]).uniform(0.0, self.period)
        start = min(max(anchor - length / 2, 0.0), self.period - length)
        return bool(start <= position < start + length)

    def covers(self, step: int, shape: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """Covered pixels of a frame of `shape` (H, W): all or none (None)."""
        return np.ones(shape, dtype=np.bool_) if self.is_dark(step) else None

    def parameters(self) -> dict[str, Any]:
        """What was drawn, JSON-ready."""
        return {"period_steps": self.period, "phase_steps": self.phase, "spell_seed": self.seed}


@dataclass(frozen=True)
class Loss:
    """Black frames from a control step on; None for never."""

    from_step: int | None
    fill: ClassVar[int] = 0

    def covers(self, step: int, shape: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """Covered pixels of a frame of `shape` (H, W): all or none (None)."""
        lost = self.from_step is not None and step >= self.from_step
        return np.ones(shape, dtype=np.bool_) if lost else None

    def parameters(self) -> dict[str, Any]:
        """What was drawn, JSON-ready."""
        return {"lost_from_step": self.from_step}


class Occlusion(ObservationShift):
    """A camera is covered.

    Options:
        kind: ``card`` (a static grey card over the surroundings of the target and the gripper as they stand
            at reset), ``intermittent`` (the camera goes black for random spells) or ``camera`` (cameras are
            lost one after another).
        cameras: ``all``, or names joined by commas, for instance ``agentview``.
    """

    name = "occlusion"
    summary = "cameras covered by a grey card, dark for spells, or lost"
    option_values: ClassVar = {"kind": ("card", "intermittent", "camera"), "cameras": "all"}
    shown_options: ClassVar = ({}, {"kind": "intermittent"}, {"kind": "camera"})

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.covered_keys = chosen_cameras(self)
        self._covers: dict[str, Card | DarkSpells | Loss] = {}

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        if options["kind"] == "card":
            return {"card's share of each frame": f"{card_area_fraction(severity):.2f}"}
        if options["kind"] == "intermittent":
            return {"share of time each camera is dark": f"{dark_share(severity):.2f}"}
        steps = ("never" if step is None else f"step {step}" for step in loss_steps(severity, cameras=2))
        return {"first and second camera lost from": ", ".join(steps)}

    def begin(self, observation: Observation) -> None:
        """Draw the episode's covers, for all cameras: the choice of some leaves the others' as they were."""
        del observation
        covers: dict[str, Card | DarkSpells | Loss]
        if self.options["kind"] == "card":
            covers = {key: self._draw_card(key) for key in self.camera_keys}
        elif self.options["kind"] == "intermittent":
            covers = {key: self._draw_spells() for key in self.camera_keys}
        else:
            covers = self._draw_losses()
        self._covers = {key: covers[key] for key in self.covered_keys}

    def _draw_card(self, key: str) -> Card:
        scene: Scene | None = getattr(self.env.unwrapped, "scene", None)
        target = gripper = (0.5, 0.5)
        if scene is not None:
            target = scene.project(key, scene.target_position) or target
            gripper = scene.project(key, scene.gripper_position) or target
        lean = self.rng.uniform(0.0, MAX_CARD_LEAN)
        jitter = self.rng.uniform(-CARD_JITTER, CARD_JITTER, size=2)
        center = (1.0 - lean) * np.clip(target, 0.0, 1.0) + lean * np.clip(gripper, 0.0, 1.0) + jitter
        u, v = np.clip(center, 0.0, 1.0).tolist()
        return Card((u, v), card_area_fraction(self.severity))

    def _draw_losses(self) -> dict[str, Card | DarkSpells | Loss]:
        order = [self.camera_keys[i] for i in self.rng.permutation(len(self.camera_keys))]
        failing = [key for key in order if key in self.covered_keys]
        steps = loss_steps(self.severity, len(failing))
        return {key: Loss(step) for key, step in zip(failing, steps, strict=True)}

    def _draw_spells(self) -> DarkSpells:
        low, high = SPELL_PERIOD_STEPS
        period = int(self.rng.integers(low, high, endpoint=True))
        phase = int(self.rng.integers(period))
        return DarkSpells(dark_share(self.severity), period, phase, int(self.rng.integers(2**32)))

    def covers(self, key: str, shape: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """See `ObservationShift.covers`."""
        return self._covers[key].covers(self.step_count, shape) if key in self._covers else None

    def alter(self, observation: Observation) -> Observation:
        """See `ObservationShift.alter`."""
        altered = dict(observation)
        for key in image_keys(observation):
            height, width = observation[key].shape[:2]
            mask = self.covers(key, (height, width))
            if mask is not None:
                altered[key] = observation[key].copy()
                altered[key][mask] = self._covers[key].fill
        return altered

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        parameters: dict[str, Any] = {"kind": self.options["kind"]}
        if self.options["kind"] == "card":
            parameters["area_fraction"] = card_area_fraction(self.severity)
        elif self.options["kind"] == "intermittent":
            parameters["dark_share"] = dark_share(self.severity)
        parameters["cameras"] = {key: cover.parameters() for key, cover in sorted(self._covers.items())}
        return parameters

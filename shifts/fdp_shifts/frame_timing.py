"""Frames that come late (`frame_delay`) or not at all (`frame_drop`): the camera shows the past."""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium

from fdp_bench.api import Observation
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS
from fdp_shifts.cameras import Frame, FrameShift
from fdp_shifts.parameters import number, whole_number
from fdp_shifts.timing import (
    LONGEST_DELAY_STEPS,
    LONGEST_OPTION_STEPS,
    LONGEST_OUTAGE_STEPS,
    MAX_LOST_SHARE,
    LossyLink,
    delay_steps,
    lost_share,
)


class PastFrames:
    """Frames of each camera that may be shown again."""

    def __init__(self) -> None:
        self._frames: dict[str, dict[int, Frame]] = {}

    def shown(self, key: str, frame: Frame, *, step: int, shown_step: int) -> Frame:
        """Keep a camera's present frame and return that of `shown_step`, which never goes back from call to call.

        Where that frame was not drawn nobody reads what is shown now, and the present one is returned.
        """
        kept = self._frames.setdefault(key, {})
        kept[step] = frame.copy()
        for past in [past for past in kept if past < shown_step]:
            del kept[past]
        return kept.get(shown_step, frame)


class FrameDelay(FrameShift):
    """Frames come late by a fixed time; until the first of them is due, the frame of reset stands.

    Options:
        cameras: See `FrameShift`.
        steps: Delay at severity 1, control steps, 1-400.
    """

    name = "frame_delay"
    summary = "frames come late, by up to 2 s"
    option_values: ClassVar = {**FrameShift.option_values, "steps": str(LONGEST_DELAY_STEPS)}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        longest = whole_number(self.name, self.options, "steps", low=1, high=LONGEST_OPTION_STEPS)
        self.delay_steps = delay_steps(self.severity, longest)
        self.frame_lags = (0, self.delay_steps)

    def begin(self, observation: Observation) -> None:
        """Forget the frames of the episode before."""
        del observation
        self._past = PastFrames()

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        step = self.step_count
        return self._past.shown(key, frame, step=step, shown_step=max(step - self.delay_steps, 0))

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        longest = whole_number(cls.name, options, "steps", low=1, high=LONGEST_OPTION_STEPS)
        return {"delay, control steps": str(delay_steps(severity, longest))}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"delay_steps": self.delay_steps}


class FrameDrop(FrameShift):
    """Frames are lost, by chance and for each camera apart; the latest one that arrived stands.

    Options:
        cameras: See `FrameShift`.
        share: Share of frames lost at severity 1, in [0, 1].
    """

    name = "frame_drop"
    summary = "frames are lost, the latest one stands"
    option_values: ClassVar = {**FrameShift.option_values, "share": str(MAX_LOST_SHARE)}
    frame_lags = tuple(range(LONGEST_OUTAGE_STEPS + 1))

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.lost_share = lost_share(self.severity, number(self.name, self.options, "share", high=1.0))

    def begin(self, observation: Observation) -> None:
        """Draw the seed of each camera's link."""
        del observation
        self._past = PastFrames()
        self._seeds = {key: int(self.rng.integers(2**32)) for key in self.camera_keys}
        self._links = {key: LossyLink(seed, self.lost_share) for key, seed in self._seeds.items()}

    def alter_frame(self, key: str, frame: Frame) -> Frame:
        """See `FrameShift.alter_frame`."""
        step = self.step_count
        return self._past.shown(key, frame, step=step, shown_step=self._links[key].latest(step))

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        share = lost_share(severity, number(cls.name, options, "share", high=1.0))
        return {"share of frames lost": f"{share:.2f}"}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        seeds = {key: self._seeds[key] for key in self.altered_keys}
        return {"lost_share": self.lost_share, "link_seeds": seeds}

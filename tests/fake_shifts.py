"""Shifts for tests; the fixture `fakes` offers them."""

import os
import signal
from typing import Any

import numpy as np

from fdp_bench.api import (
    Observation,
    ObservationShift,
    SceneShift,
    UnsupportedShiftError,
)


class Dim(ObservationShift):
    """Darkens frames."""

    name = "dim"
    summary = "darkens"
    option_values = {"how": ("evenly", "raising", "unsupported", "dying")}  # noqa: RUF012

    def begin(self, observation):
        del observation
        self.factor = 1 - self.severity * self.rng.uniform(0.5, 1.0)
        if self.options["how"] == "unsupported":
            raise UnsupportedShiftError("shift 'dim' cannot darken the night")

    def alter(self, observation: Observation) -> Observation:
        if self.options["how"] == "raising" and self.step_count == 5:
            raise OverflowError("too dark")
        return {
            key: (value * self.factor).astype(np.uint8) if key.startswith("image.") else value
            for key, value in observation.items()
        }


class Lagging(ObservationShift):
    """Shows each frame with the one of three control steps ago in its upper half, if it was drawn."""

    name = "lagging"
    frame_lags = (0, 3)

    def begin(self, observation):
        self.frames = {0: observation["image.front"]}

    def alter(self, observation):
        altered = dict(observation)
        if "image.front" in observation:
            self.frames[self.step_count] = observation["image.front"]
            earlier = self.frames.get(max(self.step_count - 3, 0))
            frame = observation["image.front"].copy()
            frame[:16] = 0 if earlier is None else earlier[:16]
            altered["image.front"] = frame
        return altered


class Repaint(SceneShift):
    """Tints the target."""

    name = "repaint"

    def dress(self, scene: Any) -> dict[str, Any]:
        rgb = self.rng.uniform(size=3)
        scene.tint_part("object", rgb, amount=self.severity)
        return {"rgb": rgb.tolist()}


class Meddler(ObservationShift):
    """Touches what no shift may touch, in the way of its option."""

    name = "meddler"
    option_values = {  # noqa: RUF012
        "how": ("state", "seed", "dynamics", "late", "nan", "dtype", "shape", "crash")
    }

    def reset(self, *, seed=None, options=None):
        how = self.options["how"]
        if how == "dynamics":
            self.unwrapped.step_m *= 1.5
        result = super().reset(seed=seed + 1 if how == "seed" else seed, options=options)
        if how == "state":
            self.unwrapped.gripper = self.unwrapped.gripper + 0.01
        return result

    def alter(self, observation: Observation) -> Observation:
        how, altered = self.options["how"], dict(observation)
        if self.step_count == 5:
            if how == "late":
                self.unwrapped.step_m *= 0.9
            elif how == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            elif how == "nan":
                altered["prop"] = altered["prop"] * np.nan
            elif how == "dtype":
                altered["prop"] = altered["prop"].astype(np.float64)
            elif how == "shape":
                altered["prop"] = altered["prop"][:1]
        return altered

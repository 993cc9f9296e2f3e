"""What a shift does to what is read, measured: pixels, hidden things, readings; over a few short episodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Observation, Receipt, image_keys, pixel_change
from fdp_bench.report.shift_previews.severity_frames import EPISODES, frame_reach, reset_as_run, sway

#: Control steps of an episode; the arm sways. Two seconds at 20 Hz.
STEPS = 40
#: Control steps whose frames are compared.
FRAMES_AT = (0, 20, 40)

Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Episode:
    """What was read of a short episode with a swaying arm.

    Attributes:
        frames: Cameras' frames at `FRAMES_AT`.
        readings: Every other key -> its values at each control step, shape (STEPS + 1, D).
        receipt: The outermost shift's, None without one.
    """

    frames: tuple[Observation, ...]
    readings: Mapping[str, Series]
    receipt: Receipt | None


@dataclass(frozen=True)
class Effect:
    """What a shift changes, means over cameras, moments and episodes; None where there is nothing to measure.

    Attributes:
        pixel_change: Mean absolute change of a pixel, in [0, 255].
        target_hidden: Share of the target's pixels hidden on the first frame, in [0, 1].
        gripper_hidden: Likewise of the gripper.
        reading_change: Mean absolute change of a reading of the shift's own sense, in its own unit.
    """

    pixel_change: float | None = None
    target_hidden: float | None = None
    gripper_hidden: float | None = None
    reading_change: float | None = None


def play_swaying(env: Any, index: int, run_seed: int = 0) -> Episode:
    """Play an episode of a run with a swaying arm for `STEPS` control steps.

    Args:
        env: Environment, shifted or not.
        index: Index of the episode.
        run_seed: Seed of the run.
    """
    base, reach = env.unwrapped, frame_reach(env)
    observation = reset_as_run(env, index, run_seed)
    seen = [observation]
    for step in range(1, STEPS + 1):
        base.draw_images = any(0 <= shown - step <= reach for shown in FRAMES_AT)
        observation, _, _, _, _ = env.step(sway(env, step))
        seen.append(observation)
    base.draw_images = True
    receipt = env.receipt() if hasattr(env, "receipt") else None
    frames = tuple(
        {key: seen[step][key].copy() for key in image_keys(tuple(seen[step]))} for step in FRAMES_AT
    )
    readings = {
        key: np.array([each[key] for each in seen], np.float64)
        for key in seen[0]
        if key not in image_keys(tuple(seen[0]))
    }
    return Episode(frames, readings, receipt)


def measure_effect(clean: tuple[Episode, ...], env: Any, modality: str) -> Effect:
    """Measure a shift on `EPISODES`.

    Args:
        clean: The episodes without it, in the order of `EPISODES`.
        env: The shifted environment.
        modality: The sense that it alters.

    Raises:
        UnsupportedShiftError: If the shift cannot act on the environment.
    """
    shifted = tuple(play_swaying(env, index) for index in EPISODES)
    if modality != "vision":
        keys = env.unwrapped.metadata.get("modalities", {}).get(modality, ())
        pairs = zip(clean, shifted, strict=True)
        changes = [
            np.abs(after.readings[key] - before.readings[key]) for before, after in pairs for key in keys
        ]
        return Effect(reading_change=_mean([float(change.mean()) for change in changes]))
    pixels = [
        change
        for before, after in zip(clean, shifted, strict=True)
        for one, other in zip(before.frames, after.frames, strict=True)
        for change in pixel_change(one, other).values()
    ]
    receipts = [episode.receipt for episode in shifted if episode.receipt is not None]
    return Effect(
        pixel_change=_mean(pixels),
        target_hidden=_mean([share for receipt in receipts for share in receipt.target_hidden.values()]),
        gripper_hidden=_mean([share for receipt in receipts for share in receipt.gripper_hidden.values()]),
    )


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None

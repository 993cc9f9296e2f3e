"""Calibrating a policy: clean episodes that no run plays, and what a policy makes of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation

#: Clean episodes that decide a threshold, unless told otherwise.
CALIBRATION_EPISODES = 40


@dataclass(frozen=True)
class Decision:
    """What a policy was asked at one control step.

    Attributes:
        observation: Observation key -> array, shape (n_obs_steps, ...), oldest first.
        noise: Standard normal noise, of the policy's `noise_shape`.
    """

    observation: Observation
    noise: npt.NDArray[np.float32]


@dataclass(frozen=True)
class PlayedEpisode:
    """A clean episode that has ended.

    Attributes:
        index: Its index; with `fdp_bench.api.CALIBRATION_SEED` it decides everything random in it.
        success: Whether the task's success held at any control step.
        decisions: All decisions in order, at least one.
    """

    index: int
    success: bool
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class CalibrationRequest:
    """How a policy is to be calibrated.

    Attributes:
        episodes: Clean episodes that decide the threshold, >= 1; a policy may play others beside them.
        data: Demonstration file; None for none.
        out: Folder for weights and calibration; None for the policy's own choice.
        device: Torch-style device name.
    """

    episodes: int = CALIBRATION_EPISODES
    data: Path | None = None
    out: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Calibrated:
    """What came of a calibration.

    Attributes:
        policy: Policy string as it can be run now, its weights named.
        made: Whether it was made now; False where it was there already.
        facts: What a user should know of it, line by line.
        warnings: What a user should know before trusting it.
    """

    policy: str
    made: bool
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

"""Frames under every severity of a shift, drawn anew: of one episode over time, or of several episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api import INITIAL_STATE, SHIFT, image_keys, pixel_change, stream_int
from fdp_bench.api.modality import Observation

#: Seconds of an episode at which frames are drawn to see whether a shift changes over time, the arm standing
#: still.
MOMENTS_S = (0.0, 1.0, 2.0, 3.0)
#: Episodes whose first frames show a shift that does not change over time.
EPISODES = (0, 1, 2)
#: A shift changes over time when its mean pixel change (of 255) differs by more than this between moments.
_CHANGING = 4.0


@dataclass(frozen=True)
class SeverityFrames:
    """The same views clean and under rising severity.

    Attributes:
        task: Gymnasium id.
        shift: Name of the shift with its options, without a severity.
        cameras: Camera keys.
        views: What each column of a camera shows, for instance ``"episode 0"`` or ``"2 s"``.
        rows: Severity (0.0 for clean) -> camera key -> frame, one such mapping a view.
        subject: What is seen, for a caption.
    """

    task: str
    shift: str
    cameras: tuple[str, ...]
    views: tuple[str, ...]
    rows: Mapping[float, tuple[Observation, ...]]
    subject: str

    def frame(self, severity: float, view: int, camera: str) -> npt.NDArray[np.generic]:
        """One frame, shape (H, W, 3), uint8."""
        return self.rows[severity][view][camera]

    def change(self, severity: float, view: int, camera: str) -> float:
        """Mean absolute change of a frame's pixels against the clean one, in [0, 255]."""
        return pixel_change(self.rows[0.0][view], self.rows[severity][view])[camera]

    @property
    def is_seen(self) -> bool:
        """Whether the shift changes any frame: one that lies about other senses changes none."""
        return any(
            self.change(severity, view, camera) > 0.0
            for severity in self.rows
            for view in range(len(self.views))
            for camera in self.cameras
        )


def draw_severity_frames(
    environments: Mapping[float, Any],
    *,
    task: str,
    shift: str,
    control_hz: float,
    run_seed: int = 0,
    swaying: bool = False,
) -> SeverityFrames:
    """Draw episodes of a run clean and under rising severity of a shift.

    A shift that changes over time is shown at `MOMENTS_S` of episode 0 while the arm stands still, any other
    on the first frames of `EPISODES`.

    Args:
        environments: Severity -> environment under the shift; 0.0 -> the one without it. They may share the
            innermost environment, as `fdp_bench.runner.rollout.environment.wrap` builds them: they are used in turn.
        task: Gymnasium id.
        shift: How the shift is called, with options and without a severity.
        control_hz: Control steps a second.
        run_seed: Seed of the run whose episodes are shown.
        swaying: Whether the arm sways and the shift is shown over time, whatever it changes: a frame that is late
            or lost looks like any other while nothing moves.

    Raises:
        UnsupportedShiftError: If a shift cannot act on the environment.
    """
    steps = [round(moment * control_hz) for moment in MOMENTS_S]
    over_time = {
        severity: _over_time(env, steps, run_seed, swaying) for severity, env in environments.items()
    }
    cameras = image_keys(tuple(over_time[0.0][0]))
    moments = tuple(f"{moment:g} s" for moment in MOMENTS_S)
    preview = SeverityFrames(
        task,
        shift,
        cameras,
        moments,
        over_time,
        f"episode 0 with the arm {'swaying' if swaying else 'standing still'}, drawn for this report",
    )
    if swaying or _changes_between_views(preview):
        return preview
    first_frames = {
        severity: tuple(_frames_only(reset_as_run(env, index, run_seed)) for index in EPISODES)
        for severity, env in environments.items()
    }
    episodes = tuple(f"episode {index}" for index in EPISODES)
    return SeverityFrames(task, shift, cameras, episodes, first_frames, "first frames, drawn for this report")


def _changes_between_views(preview: SeverityFrames) -> bool:
    return any(
        abs(preview.change(severity, view, camera) - preview.change(severity, 0, camera)) > _CHANGING
        for severity in preview.rows
        for view in range(len(preview.views))
        for camera in preview.cameras
    )


def _over_time(env: Any, steps: Sequence[int], run_seed: int, swaying: bool) -> tuple[Observation, ...]:
    """Frames of episode 0 at the given control steps under zero or swaying actions."""
    base = env.unwrapped
    observation = reset_as_run(env, 0, run_seed)
    frames = [_frames_only(observation)]
    still = np.zeros(env.action_space.shape, env.action_space.dtype)
    reach = frame_reach(env)
    ended = False
    for step in range(1, steps[-1] + 1):
        if not ended:
            # Frames that nobody looks at are not drawn, where the environment can leave them out.
            base.draw_images = any(0 <= shown - step <= reach for shown in steps)
            observation, _, terminated, truncated, _ = env.step(sway(env, step) if swaying else still)
            ended = terminated or truncated
        if step in steps:
            frames.append(_frames_only(observation) or frames[-1])
    base.draw_images = True
    return tuple(frames)


def sway(env: Any, step: int) -> npt.NDArray[np.floating[Any]]:
    """A gentle to and fro of the hand: the action of a control step.

    It comes round in 64 control steps, which no delay is a multiple of: a late frame would look like the present.
    """
    shape, dtype = env.action_space.shape, env.action_space.dtype
    action = np.zeros(shape, dtype)
    axes = min(3, action.size)
    action[:axes] = 0.5 * np.cos(2.0 * np.pi * (step / 64.0 + np.arange(axes) / 3.0))
    return action


def frame_reach(env: Any) -> int:
    """How many control steps back the shifts around an environment look for a frame, at the most."""
    reach = 0
    while isinstance(env, gymnasium.Wrapper):
        reach += max(getattr(env, "frame_lags", (0,)))
        env = env.env
    return reach


def reset_as_run(env: Any, index: int, run_seed: int) -> Observation:
    """Start an episode exactly as a run with this seed does."""
    seed = stream_int(run_seed, index, INITIAL_STATE)
    options = {"shift_seed": stream_int(run_seed, index, SHIFT)}
    observation: Observation = env.reset(seed=seed, options=options)[0]
    return observation


def _frames_only(observation: Observation) -> Observation:
    return {key: observation[key].copy() for key in image_keys(tuple(observation))}

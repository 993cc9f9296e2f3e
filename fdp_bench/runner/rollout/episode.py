"""One episode under way: observations in, actions out, a record at the end."""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fdp_bench.api.episode import HOLD_STEPS, EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import FdpBenchError, RunError
from fdp_bench.api.modality import Observation, TaskInfo, image_keys
from fdp_bench.api.streams import INITIAL_STATE, SHIFT, noise_stream, stream_int
from fdp_bench.records.writer import unwritable
from fdp_bench.runner.rollout.batched_policy import Actions, AskedPolicy, Noise
from fdp_bench.runner.rollout.contract_monitor import (
    ObservationCheck,
    ObservationFault,
    ResultFault,
    monitor_of,
    step_result,
)
from fdp_bench.runner.rollout.environment import Environment, frame_lags, shifts_of
from fdp_bench.runner.rollout.frame_schedule import FrameSchedule
from fdp_bench.runner.rollout.plugin_calls import PLUGIN_ERRORS, describe_error, error_owner, traceback_text
from fdp_bench.runner.rollout.record_fields import action_jerk, combined_receipt, readable
from fdp_bench.runner.rollout.recorder import Recorder

#: What counts as a success and when an episode ends, in words that the manifest keeps; what success is, the task's
#: version says.
SUCCESS_RULE = (
    f"success at any control step; an episode ends when it held for {HOLD_STEPS}, or at the horizon"
)
#: Videos of tasks that do not state their control rate, in frames a second.
_DEFAULT_HZ = 20.0


@dataclass(frozen=True)
class PicturePaths:
    """Which pictures an episode leaves behind; None for none."""

    strip: Path | None = None
    video: Path | None = None


class Episode:
    """An episode and everything that is known of it so far.

    Errors of the environment or of a shift end it with a record; only an `FdpBenchError`, which says that its arm
    cannot be run at all, is raised.

    Attributes:
        spec: What was asked for.
        done: Whether it has ended.
        environment_failed: Whether the environment raised, so that it must not be used again.
    """

    def __init__(
        self,
        spec: EpisodeSpec,
        env: Environment,
        task: TaskInfo,
        policy: AskedPolicy,
        pictures: PicturePaths,
    ) -> None:
        self.spec = spec
        self.done = False
        self.environment_failed = False
        self._env = env
        self._task = task
        self._keys = policy.keys
        self._pictures = pictures
        self._recorder = Recorder(
            keeps_decisions=pictures.strip is not None, keeps_all=pictures.video is not None
        )
        self._schedule = FrameSchedule(
            n_obs_steps=policy.n_obs_steps,
            n_action_steps=policy.n_action_steps,
            lags=frame_lags(env),
            reads_images=bool(image_keys(policy.keys)),
            keeps_decisions=self._recorder.keeps_decisions,
            keeps_all=self._recorder.keeps_all,
        )
        self._history: deque[Observation] = deque(maxlen=policy.n_obs_steps)
        self._started = time.perf_counter()
        self._actions: list[Actions] = []
        self._latency_ms: list[float] = []
        self._fallbacks: list[bool] = []
        self._successes_in_a_row = 0
        self._success_once = self._success_held = False
        self._receipt: dict[str, Any] = {}
        self._initial_state_sha256 = ""
        self._error = self._traceback = ""
        self._check = ObservationCheck(env.observation_space)
        self._monitor = monitor_of(env)
        self._is_shifted = bool(shifts_of(env))

    @property
    def steps(self) -> int:
        """Control steps taken."""
        return len(self._actions)

    def reset(self) -> None:
        """Set the initial state; the first observation stands for those before it."""
        seed = stream_int(self.spec.run_seed, self.spec.index, INITIAL_STATE)
        try:
            self._draw(0)
            self._touch()
            result = self._env.reset(
                seed=seed,
                options={"shift_seed": stream_int(self.spec.run_seed, self.spec.index, SHIFT)},
            )
            if not isinstance(result, tuple) or len(result) != 2:
                raise ResultFault("reset returned no pair of observation and info")
            observation = result[0]
            self._receipt = combined_receipt(self.spec.shift, shifts_of(self._env))
            digest = getattr(self._env.unwrapped, "state_sha256", None)
            self._initial_state_sha256 = digest() if digest else ""
            self._check_observation(observation)
            if self._monitor is not None and self._is_shifted:
                self._blame_shift(self._monitor.violation_at_start(seed))
            self._recorder.see(observation, is_decision=True)
            self._history.extend([observation] * self._schedule.n_obs_steps)
        except FdpBenchError:
            raise
        except PLUGIN_ERRORS as error:
            self._fail_in_environment(error)

    def observation(self) -> Observation:
        """What the policy reads now: key -> array, shape (n_obs_steps, ...), oldest first."""
        return {key: np.stack([observation[key] for observation in self._history]) for key in self._keys}

    def noise(self, shape: tuple[int, ...]) -> Noise:
        """Standard normal noise for this control step's decision; depends on nothing but seeds, index and step."""
        spec = self.spec
        generator = noise_stream(spec.run_seed, spec.index, self.steps, spec.noise_seed)
        return generator.standard_normal(shape, dtype=np.float32)

    def advance(self, actions: Actions) -> None:
        """Execute a chunk of actions, shape (n_action_steps, A), or as much of it as the episode lasts."""
        try:
            for action in actions:
                self._step(action)
                if self.done:
                    return
        except FdpBenchError:
            raise
        except PLUGIN_ERRORS as error:
            self._fail_in_environment(error)

    def waited(self, latency_ms: float) -> None:
        """Note how long a decision took, in milliseconds."""
        self._latency_ms.append(latency_ms)

    def fell_back(self, whether: bool | None) -> None:
        """Note whether a fallback made the decision; None for a policy that has none."""
        if whether is not None:
            self._fallbacks.append(whether)

    def fail(self, message: str, traceback: str = "") -> None:
        """End with an error, which counts as a failure.

        Args:
            message: What was wrong, and whose code it was.
            traceback: Where that code raised; empty where it did not.
        """
        self._error, self._traceback, self.done = message, traceback, True

    def cannot_be_read(self, error: Exception) -> None:
        """End with an error because what was shown is not what the policy reads."""
        missing = [key for key in self._keys if any(key not in shown for shown in self._history)]
        what = (
            f"observation lacks {missing[0]!r}"
            if missing
            else f"observation cannot be read: {describe_error(error)}"
        )
        is_shifts = self._is_shifted and self._monitor is not None and {*missing} <= {*self._monitor.shown}
        self.fail(f"{self._outermost() if is_shifts else self._task_name()}: {what}")

    def finish(self) -> EpisodeRecord:
        """Write the pictures and return the record of the ended episode.

        Raises:
            RunError: If a picture cannot be written.
        """
        if self._monitor is not None and self._is_shifted and not self._error:
            self._blame_shift(self._monitor.violation())
        safety = {"action_jerk": action_jerk(self._actions)}
        measure = getattr(self._env.unwrapped, "safety", None)
        if measure and not self.environment_failed:
            try:
                safety = {**measure(), **safety}
            except PLUGIN_ERRORS as error:
                what = f"{self._task_name()}: its safety figures cannot be had: {describe_error(error)}"
                self.fail(what, traceback_text(error))
        record = EpisodeRecord(
            spec=self.spec,
            status="error" if self._error else "ok",
            success_once=self._success_once and not self._error,
            success_held=self._success_held and not self._error,
            steps=self.steps,
            latency_ms=tuple(round(value, 3) for value in self._latency_ms),
            wall_time_s=round(time.perf_counter() - self._started, 3),
            safety=safety,
            receipt=self._receipt,
            initial_state_sha256=self._initial_state_sha256,
            error=self._error,
            traceback=self._traceback,
            fallback_share=sum(self._fallbacks) / len(self._fallbacks) if self._fallbacks else None,
        )
        self._save_pictures()
        return readable(record)

    def _save_pictures(self) -> None:
        strip, video = self._pictures.strip, self._pictures.video
        try:
            if strip is not None:
                self._recorder.save_strip(strip)
            if video is not None:
                self._recorder.save_video(video, self._task.control_hz or _DEFAULT_HZ)
        except OSError as error:
            # Not the episode's fault: it must be run once there is room.
            path = strip or video
            assert path is not None
            raise RunError(unwritable(path, error)) from error

    def _step(self, action: Actions) -> None:
        self._draw(self.steps + 1)
        if self._monitor is not None:
            self._monitor.expect(action)
        observation, terminated, truncated, info = step_result(self._env.step(action))
        self._actions.append(action)
        if self._monitor is not None and self._is_shifted:
            violation = self._monitor.violation_in_step(terminated, truncated, info)
            if violation:
                self._blame_shift(violation)
                return
        self._history.append(observation)
        self._check_observation(observation)
        self._recorder.see(observation, is_decision=self._schedule.is_decision(self.steps))
        if "success" not in info:
            raise ResultFault("info holds no 'success'")
        self._successes_in_a_row = self._successes_in_a_row + 1 if info["success"] else 0
        self._success_once |= bool(info["success"])
        self._success_held = bool(info.get("success_held", self._successes_in_a_row >= HOLD_STEPS))
        out_of_time = truncated or self.steps >= self._task.horizon
        self.done = bool(terminated or out_of_time or self._success_held)

    def _draw(self, step: int) -> None:
        base: Any = self._env.unwrapped
        if hasattr(base, "draw_images"):
            base.draw_images = self._schedule.draws(step)

    def _touch(self) -> None:
        """Have touch read only where the policy or a shift reads it: a twentieth of a control step otherwise lost."""
        base: Any = self._env.unwrapped
        if hasattr(base, "read_touch"):
            keys = base.metadata["modalities"]["tactile"]
            shifted = any(shift.modality == "tactile" for shift in shifts_of(self._env))
            base.read_touch = shifted or any(key in keys for key in self._keys)

    def _check_observation(self, observation: Observation) -> None:
        fault = self._check.fault(observation)
        if fault:
            raise ObservationFault(fault)

    def _blame_shift(self, violation: str) -> None:
        """End with an error if a shift touched more than what is shown; nobody knows what it left behind."""
        if violation:
            self.environment_failed = True
            self.fail(f"shift {self.spec.shift!r}: {violation}; a shift may change observations alone")

    def _fail_in_environment(self, error: BaseException) -> None:
        self.environment_failed = True
        if isinstance(error, ObservationFault):
            self.fail(f"{self._who_showed()}: {error}")
        elif isinstance(error, ResultFault):
            self.fail(f"{self._outermost()}: {error}")
        else:
            self.fail(f"{error_owner(error, self.spec.task)}: {describe_error(error)}", traceback_text(error))

    def _who_showed(self) -> str:
        """Whose the observation is that lies outside its space: the task's, if it was so before any shift."""
        if self._is_shifted and self._monitor is not None:
            inner = self._monitor
            if not ObservationCheck(inner.observation_space).fault(inner.shown):
                return self._outermost()
        return self._task_name()

    def _outermost(self) -> str:
        """Whose words reach the runner: the shifts', where there are any."""
        return f"shift {self.spec.shift!r}" if self._is_shifted else self._task_name()

    def _task_name(self) -> str:
        return f"task {self.spec.task!r}"

"""Where a worker's time goes: each second counts in one phase."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium

#: Phases of a worker's time:
#:
#: - ``physics``: the environment's `step` without frames: control law, simulation, proprioception, success rule.
#: - ``frames``: whatever the scene draws, in steps and at resets, segmentations for receipts included.
#: - ``inference``: asking the policy, from its observations to its actions.
#: - ``resets``: starting an episode, without frames.
#: - ``setup``: from the start of the process on, until it is ready: imports, environments, policies.
#: - ``idle``: waiting for episodes.
#: - ``other``: the rest: the code of shifts, histories, records, pictures on disk.
PHASES = ("physics", "frames", "inference", "resets", "setup", "idle", "other")


class Stopwatch:
    """Seconds by phase. Phases nest, and the innermost counts.

    Args:
        since: When the first phase, ``setup``, began, by `time.monotonic`, a clock that processes share.
    """

    def __init__(self, since: float | None = None) -> None:
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._phase = "setup"
        self._since = time.monotonic() if since is None else since

    def enter(self, phase: str) -> str:
        """Let `phase` count from now on; returns the one that counted."""
        now = time.monotonic()
        left = self._phase
        self._seconds[left] += now - self._since
        self._phase, self._since = phase, now
        return left

    @contextmanager
    def phase(self, name: str, scene: Any = None) -> Iterator[None]:
        """Let a phase count while the block runs.

        Args:
            name: One of `PHASES`.
            scene: Scene whose drawing inside the block counts as ``frames`` instead, if it says how long it drew
                (`fdp_bench.sim.dressed_scene.DressedScene.drawing_s`).
        """
        left, drawn = self.enter(name), getattr(scene, "drawing_s", 0.0)
        try:
            yield
        finally:
            self.enter(left)
            drawing = getattr(scene, "drawing_s", 0.0) - drawn
            self._seconds[name] -= drawing
            self._seconds["frames"] += drawing

    def seconds(self) -> dict[str, float]:
        """Seconds by phase up to now."""
        self.enter(self._phase)
        return dict(self._seconds)


class TimedSteps(gymnasium.Wrapper):
    """Counts an environment's `step` as ``physics``; stands within all shifts, whose code is none of it."""

    def __init__(self, env: gymnasium.Env[Any, Any], watch: Stopwatch) -> None:
        super().__init__(env)
        self._watch = watch
        self._scene = getattr(env.unwrapped, "scene", None)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment."""
        with self._watch.phase("physics", self._scene):
            return self.env.step(action)


def time_facts(seconds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What a manifest keeps of its workers' time.

    Args:
        seconds: Seconds by phase, one entry a worker.

    Returns:
        ``worker_time_s``, seconds of all workers together, and ``time_share``, phase -> share of them in [0, 1],
        summing to 1 but for rounding; no share where no time was counted.
    """
    sums = {phase: sum(entry[phase] for entry in seconds) for phase in PHASES}
    total = sum(sums.values())
    # Digits that count, not places: beside minutes of waiting a short phase is not nothing.
    share = {phase: float(f"{value / total:.4g}") for phase, value in sums.items()} if total > 0.0 else {}
    return {"worker_time_s": round(total, 3), "time_share": share}

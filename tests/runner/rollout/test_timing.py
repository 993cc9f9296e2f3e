"""Each second of a worker counts in one phase."""

from types import SimpleNamespace

import gymnasium
import pytest

from fdp_bench.runner.rollout import timing
from fdp_bench.runner.rollout.timing import PHASES, Stopwatch, TimedSteps, time_facts


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(timing.time, "monotonic", lambda: clock.now)
    return clock


def passed(watch):
    return {phase: value for phase, value in watch.seconds().items() if value}


def test_the_innermost_phase_counts(clock):
    watch = Stopwatch()
    clock.now += 1
    watch.enter("other")
    clock.now += 2
    with watch.phase("resets"):
        clock.now += 4
        with watch.phase("inference"):
            clock.now += 8
        clock.now += 16
    clock.now += 32

    assert passed(watch) == {"setup": 1, "other": 34, "resets": 20, "inference": 8}


def test_time_before_the_watch_was_made_counts_as_setup(clock):
    assert passed(Stopwatch(since=97.0)) == {"setup": 3}


def test_what_a_scene_draws_counts_as_frames_wherever_it_is_drawn(clock):
    watch, scene = Stopwatch(), SimpleNamespace(drawing_s=5.0)
    with watch.phase("resets", scene):
        clock.now += 3
        scene.drawing_s += 2

    assert passed(watch) == {"resets": 1, "frames": 2}


def test_a_phase_left_by_an_error_is_left(clock):
    watch = Stopwatch()
    with pytest.raises(ValueError, match="broken"), watch.phase("physics"):
        raise ValueError("broken")
    clock.now += 1

    assert passed(watch) == {"setup": 1}


def test_an_environments_steps_count_as_physics_and_its_frames_as_frames(clock):
    class Env(gymnasium.Env):
        scene = SimpleNamespace(drawing_s=0.0)

        def step(self, action):
            clock.now += 10
            self.scene.drawing_s += 4
            return action, 0.0, False, False, {}

    watch = Stopwatch()

    assert TimedSteps(Env(), watch).step("observation")[0] == "observation"
    assert passed(watch) == {"physics": 6, "frames": 4}


def test_shares_are_over_all_workers():
    zero = dict.fromkeys(PHASES, 0.0)

    facts = time_facts([{**zero, "physics": 6.0, "frames": 1.0}, {**zero, "physics": 2.0, "idle": 1.0}])

    assert facts["worker_time_s"] == 10.0
    assert {phase: value for phase, value in facts["time_share"].items() if value} == {
        "physics": 0.8,
        "frames": 0.1,
        "idle": 0.1,
    }
    assert time_facts([zero])["time_share"] == {}

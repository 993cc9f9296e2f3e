import json

import pytest

from fdp_bench.records.manifest import MANIFEST_SCHEMA
from fdp_bench.suites.cells import Cell
from fdp_bench.suites.estimate import (
    SECONDS_A_STEP,
    SECONDS_AN_EPISODE,
    duration,
    measure_pace,
    training_steps,
)

HERE = {"cpu": "a processor", "cores": 2}


@pytest.fixture
def run(tmp_path):
    """A run of 100 episodes that took 50 s with two workers."""
    folder = tmp_path / "run"
    folder.mkdir()
    began, ended = "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:50+00:00"
    invocation = {"started": began, "ended": ended, "episodes": 100, "workers": 2}

    def write(**facts):
        entry = {**invocation, **facts}
        manifest = {
            "schema": MANIFEST_SCHEMA,
            "name": "",
            "status": "complete",
            "created": began,
            "config": {},
            "episodes_planned": 100,
            "machine": HERE,
            "invocations": [entry],
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return write


@pytest.fixture
def sweep(tmp_path):
    """A sweep that trained 1,000 steps in 300 s."""
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({"trainings": [{"steps": 1000, "wall_time_s": 300.0, "machine": HERE}]}))
    return path


def test_earlier_runs_and_trainings_of_this_machine_set_the_pace(run, sweep):
    pace = measure_pace([sweep], [run()], HERE)

    assert (pace.step_s, pace.episode_s) == (0.3, 1.0)
    assert pace.step_source == "the median of 1 earlier training on this machine"
    assert pace.episode_source == "the median of 1 earlier run on this machine"


def test_another_machine_says_nothing_and_the_constants_are_named(run, sweep):
    pace = measure_pace([sweep], [run()], {**HERE, "cores": 8})

    assert (pace.step_s, pace.episode_s) == (SECONDS_A_STEP, SECONDS_AN_EPISODE)
    assert "constants" in pace.step_source
    assert "constants" in pace.episode_source


@pytest.mark.parametrize(
    "facts",
    [
        {"episodes": 3},
        {"ended": None},
        {"workers": "two"},
        {"workers": 0},
        {"ended": "2026-01-31T12:00:50"},
        {"ended": "2026-01-31T11:00:00+00:00"},
    ],
)
def test_runs_that_say_little_are_passed_over(run, facts):
    assert measure_pace([], [run(**facts)], HERE).episode_s == SECONDS_AN_EPISODE


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        "[]",
        '{"trainings": 3}',
        '{"trainings": [3]}',
        '{"trainings": [{"steps": 1000, "wall_time_s": "300", "machine": {}}]}',
        '{"trainings": [{"steps": 1000, "wall_time_s": NaN, "machine": {}}]}',
        '{"trainings": [{"steps": 1000, "wall_time_s": -300.0, "machine": {"cpu": "a processor", "cores": 2}}]}',
        '{"trainings": [{"steps": 1000, "wall_time_s": 300.0}]}',
        "\udcff",
    ],
)
def test_a_journal_that_is_none_is_passed_over(tmp_path, content):
    path = tmp_path / "sweep.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    assert measure_pace([path], [], HERE).step_s == SECONDS_A_STEP


def test_unreadable_files_are_passed_over(tmp_path):
    broken = tmp_path / "sweep.json"
    broken.write_text("{")

    assert measure_pace([broken, tmp_path / "gone"], [tmp_path], HERE).step_s == SECONDS_A_STEP


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 7000),
        ({"steps": "50"}, 50),
        ({"steps": "50", "base_steps": "20", "residual_steps": "10"}, 30),
        ({"steps": "50", "base_steps": "20"}, 50),
        ({"steps": "100", "residual_steps": "10", "base_fraction": "0.9"}, 100),
    ],
)
def test_a_trainings_steps_are_read_off_its_settings(settings, steps):
    assert training_steps(Cell("task", "fdp:prop>vision", 10, 0, "", settings)) == steps


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 1 s"), (80, "about 80 s"), (600, "about 10 min"), (9000, "about 2.5 h")],
)
def test_durations_are_rounded_to_what_can_be_known(seconds, text):
    assert duration(seconds) == text

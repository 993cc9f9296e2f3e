"""The scripts' command, and the tables and ratios that they make of their figures."""

import importlib
import json

import pytest

from benchmarks import __main__ as command
from benchmarks import rollout, scaling


class Script:
    """Takes the place of a script's module."""

    asked: dict = {}  # noqa: RUF012

    @classmethod
    def measure(cls, **options):
        cls.asked = options
        return {"ratio": 2.0}

    @staticmethod
    def table(figures):
        return f"| ratio | {figures['ratio']} |"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: Script)
    monkeypatch.setattr(command, "machine_facts", lambda: {"cpu": "Abacus"})
    return Script


def test_a_script_prints_a_table_and_leaves_its_figures(script, tmp_path, capsys):
    command.run_here("render", quick=True, folder=tmp_path / "json")

    figures = json.loads((tmp_path / "json" / "render.json").read_text())
    assert figures == {"ratio": 2.0, "machine": {"cpu": "Abacus"}, "quick": True}
    assert capsys.readouterr().out.startswith("| ratio | 2.0 |\n{")
    assert script.asked == command.SCRIPTS["render"]


def test_a_slow_run_takes_each_scripts_own_defaults(script, tmp_path):
    command.run_here("render", quick=False, folder=None)

    assert script.asked == {}
    assert list(tmp_path.iterdir()) == []


def test_a_script_that_fails_does_not_stop_the_others(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(command, "run_apart", lambda name, **options: ran.append(name) or name != "render")

    assert command.main(["render", "step"]) == 1
    assert ran == ["render", "step"]
    assert "failed: render" in capsys.readouterr().err
    assert command.main([]) == 1
    assert ran[2:] == [*command.SCRIPTS]


def test_an_unknown_script_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["rendr"])

    assert "'rendr' is not known; choose from startup, render" in capsys.readouterr().err


def test_no_script_inherits_a_number_of_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("SOMETHING_ELSE", "1")

    assert "OMP_NUM_THREADS" not in command.environment()
    assert command.environment()["SOMETHING_ELSE"] == "1"


@pytest.mark.parametrize("name", command.SCRIPTS)
def test_every_script_measures_with_its_quick_options_and_makes_a_table(name):
    import inspect

    module = importlib.import_module(f"benchmarks.{name}")
    parameters = inspect.signature(module.measure).parameters

    assert {*command.SCRIPTS[name]} <= {*parameters}
    assert all(entry.default is not inspect.Parameter.empty for entry in parameters.values())
    assert callable(module.table)


OUR_TURN = {
    "episodes": 40,
    "control_steps": 4000,
    "workers": 2,
    "ready_s": 40.0,
    "wall_s": 30.0,
    "setup_s": 4.0,
    "first_record_s": 5.0,
    "time_share": {
        "physics": 0.5,
        "frames": 0.2,
        "inference": 0.1,
        "resets": 0,
        "setup": 0.1,
        "idle": 0,
        "other": 0.1,
    },
    "steady_share": {"physics": 0.6, "frames": 0.2, "inference": 0.1, "resets": 0, "other": 0.1},
    "successes": {"clean": [19, 20], "occlusion@3": [5, 20]},
    "memory": [{"rss": 2**30, "pss": 2**29, "private": 2**28}],
}
PEER_TURN = {
    "episodes": 4,
    "control_steps": 300,
    "stepped": 400,
    "wall_s": 40.0,
    "setup_s": 10.0,
    "successes": {"clean": [2, 2], "occlusion": [0, 2]},
}


def test_a_rollout_is_compared_by_episodes_and_by_steps(monkeypatch):
    monkeypatch.setattr(rollout, "run_ours", lambda **options: OUR_TURN)
    monkeypatch.setattr(rollout, "run_peer", lambda **options: PEER_TURN)

    figures = rollout.measure(rounds=2)

    # Ours: 40 episodes in 20 s of two busy workers. The peer: 4 in 40 s, and 10 steps a second.
    assert figures["ratios"]["GymWrapper"]["by_episodes"] == pytest.approx(120 / 6)
    assert figures["ratios"]["GymWrapper"]["by_steps"] == pytest.approx(200 / 10)
    assert figures["ratios"]["GymWrapper"]["whole_by_episodes"] == pytest.approx(80 / 4.8)
    assert figures["clean_success"]["fdp-bench, fast pictures"] == [38, 40]
    assert figures["clean_success"]["GymWrapper, robosuite's pictures"] == [4, 4]
    assert "| GymWrapper | 6.0 | 10 | 4.8 | 20.0 | 20.0 |" in rollout.table(figures)


def test_scaling_compares_with_one_worker_and_says_what_a_worker_holds(monkeypatch):
    def run(*, workers, lanes=4, **options):
        return {**OUR_TURN, "workers": workers, "lanes": lanes, "ready_s": 40.0 if workers == 1 else 44.0}

    monkeypatch.setattr(scaling, "run_ours", run)

    figures = scaling.measure(episodes=1, rounds=1, batches=(1, 4))

    assert figures["last_over_one_worker"] == pytest.approx(2 * 40 / 44)
    assert "| 2 workers | 1024 | 512 | 256 |" in scaling.table(figures)
    assert 0.0 < figures["record_ms"] < 1e3
    assert 100 < figures["record_bytes"] < 10_000

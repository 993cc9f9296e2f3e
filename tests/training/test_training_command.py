import argparse
import json

import pytest

from fdp_bench.api import SpecError
from fdp_bench.cli import train


@pytest.fixture
def command(learners, data, tmp_path):
    def run(*arguments: str) -> int:
        parser = argparse.ArgumentParser()
        train.configure(parser)
        given = ["--task", "Lift", "--data", str(data), "--out", str(tmp_path / "out"), *arguments]
        return train.run(parser.parse_args(given))

    return run


def test_a_sweep_ends_with_a_table_of_what_was_made(command, capsys):
    code = command(
        "--policy", "learner", "--policy", "learner?way=refuse", "--num-demos", "2,3", "--jobs", "4"
    )
    shown = capsys.readouterr().out.splitlines()

    assert code == 1
    assert shown[0].split() == [
        "policy",
        "demos",
        "seed",
        "steps",
        "held-out",
        "loss",
        "warnings",
        "seconds",
        "state",
    ]
    rows = [line.split() for line in shown[2:6]]
    assert [row[:6] for row in rows[:2]] == [["learner", n, "0", "7", "0.2500", "1"] for n in "23"]
    assert [row[:6] for row in rows[2:]] == [["learner?way=refuse", n, "0", "-", "-", "-"] for n in "23"]
    assert [row[-1] for row in rows] == ["trained", "trained", "failed", "failed"]
    assert "learner, 2 demonstrations, seed 0: it is only pretending" in shown
    assert "learner?way=refuse, 3 demonstrations, seed 0: failed: there is no room" in shown


def test_a_sweep_without_failures_ends_well_and_names_the_next_command(command, capsys, tmp_path):
    assert command("--policy", "learner", "--num-demos", "2", "--seed", "0,1") == 0
    path = tmp_path / "out" / "demos2-seed0" / "learner-well.weights"

    assert capsys.readouterr().out.splitlines()[-1] == (
        f'next: fdp-bench run --task Lift --policy "learner@{path}" --shift occlusion'
    )


def test_a_single_training_runs_here_with_its_settings(command, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = ["--num-demos", "2", "--seed", "4", "--steps", "9", "--set", "batch_size=8"]
    assert command("--policy", "learner", *options) == 0
    path = tmp_path / "out" / "learner-well.weights"
    told = json.loads(path.read_text())["settings"]

    assert told == {"num_demos": "2", "seed": "4", "steps": "9", "device": "cpu", "batch_size": "8"}
    shown = capsys.readouterr().out
    assert f"wrote {path}" in shown
    assert f'next: fdp-bench run --task Lift --policy "learner@{path}" --shift occlusion' in shown


@pytest.mark.parametrize(
    ("option", "value"), [("--num-demos", "10,,20"), ("--num-demos", "0"), ("--seed", "-1"), ("--seed", "a")]
)
def test_lists_that_are_no_whole_numbers_are_refused(command, capsys, option, value):
    with pytest.raises(SystemExit):
        command("--policy", "learner", f"{option}={value}")
    assert "is not a whole number of at least" in capsys.readouterr().err


def test_no_trainings_at_once_are_refused(command):
    with pytest.raises(SpecError, match="--jobs 0"):
        command("--policy", "learner", "--jobs", "0")

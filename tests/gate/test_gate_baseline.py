import json
from dataclasses import replace

import pytest
from gate_data import side, write_run

from fdp_bench.api import RunError
from fdp_bench.gate.baseline import PARAMETERS_KEPT, load_compared_run, read_baseline, write_baseline
from fdp_bench.gate.compared_run import read_compared_run

ARMS = {("dp-dit", "clean"): "+-+!+-+", ("fdp:prop>vision", "color@3"): "+--++-+"}


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", ARMS)


def test_a_baseline_holds_all_that_a_comparison_needs_of_its_run(run, tmp_path):
    file = tmp_path / "baselines" / "lift.json"
    write_baseline(run, file, command="fdp-bench baseline")
    read, whole = load_compared_run(file), read_compared_run(run)

    def without_parameters(side):
        arms = tuple(
            replace(arm, outcomes={i: replace(what, parameters=None) for i, what in arm.outcomes.items()})
            for arm in side.arms
        )
        return replace(side, arms=arms, path=None)

    assert without_parameters(read) == without_parameters(whole)
    color = {arm.shift: arm for arm in read.arms}["color@3"]
    assert [what.parameters is not None for what in color.outcomes.values()] == [True] * PARAMETERS_KEPT + [
        False
    ] * 2


def test_a_baseline_says_how_it_was_made(run, tmp_path):
    write_baseline(run, tmp_path / "b.json", command="fdp-bench baseline run --out b.json")
    data = json.loads((tmp_path / "b.json").read_text())

    assert data["schema"] == 1
    assert data["made_by"] == [
        "fdp-bench run --policy dp-dit --shift color",
        "fdp-bench baseline run --out b.json",
    ]
    assert data["protocol"]["seed_protocol"]
    assert data["versions"]["mujoco"]
    assert data["samplers"] == {"dp-dit": "ddim, 10 steps", "fdp:prop>vision": "ddim, 10 steps"}
    assert data["arms"][0]["checkpoint"] == "c0"


def test_an_episode_takes_one_line(run, tmp_path):
    write_baseline(run, tmp_path / "b.json", command="")
    lines = (tmp_path / "b.json").read_text().splitlines()

    rows = [line.strip().strip('",').split(" ") for line in lines]
    assert [row[2] for row in rows if len(row) == 5].count("held") == 4 + 4
    assert sum(len(row) == 5 for row in rows) == 14


def test_an_unfinished_run_is_no_baseline(tmp_path):
    unfinished = write_run(tmp_path / "run", ARMS, planned=99)

    with pytest.raises(RunError, match=r"is not complete.*fdp-bench run --resume"):
        write_baseline(unfinished, tmp_path / "b.json", command="")
    assert not (tmp_path / "b.json").exists()


def test_a_run_that_stopped_when_decided_is_no_baseline(tmp_path):
    stopped = write_run(tmp_path / "run", ARMS, config={"until_decided": 0.05})

    with pytest.raises(RunError, match="without --until-decided"):
        write_baseline(stopped, tmp_path / "b.json", command="")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: "no json", "cannot be read"),
        (lambda data: "[]", "cannot be read"),
        (lambda data: json.dumps({**data, "kind": "x"}), "is no baseline file"),
        (lambda data: json.dumps({**data, "schema": 2}), "has schema 2; this version reads 1"),
        (lambda data: json.dumps({**data, "arms": [{"policy": "dp-dit"}]}), "is damaged"),
        (lambda data: json.dumps({key: data[key] for key in data if key != "task"}), "is damaged"),
        (lambda data: json.dumps(data).replace(" failure ", " maybe "), "is damaged"),
        (lambda data: json.dumps(data).replace(" failure ", " "), "is damaged"),
    ],
)
def test_what_is_no_whole_baseline_is_said_in_one_line(run, tmp_path, damage, why):
    file = tmp_path / "b.json"
    write_baseline(run, file, command="")
    file.write_text(damage(json.loads(file.read_text())))

    with pytest.raises(RunError, match=why):
        read_baseline(file)


def test_a_file_that_cannot_be_written_is_said(run):
    with pytest.raises(RunError, match="choose another --out"):
        write_baseline(run, run / "episodes.jsonl" / "b.json", command="")


def test_one_policy_of_a_side_is_taken_by_name(run):
    whole = read_compared_run(run)

    assert whole.only("dp-dit").policies == ("dp-dit",)
    with pytest.raises(Exception, match="did you mean 'dp-dit'"):
        whole.only("dp-dti")


def test_a_side_of_an_old_run_follows_the_first_protocol(tmp_path):
    old = side(tmp_path / "old", ARMS, protocol={}, policies=[])

    assert old.protocol["seed_protocol"] == "seed-sequence/1"
    assert old.samplers == {}

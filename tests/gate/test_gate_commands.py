"""`fdp-bench compare`, `baseline` and `check` as a user meets them, on the toy task."""

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
from gate_data import FIRST_PROTOCOL, LIFT, records, write_run

from fdp_bench.cli.main import main
from fdp_bench.records import RunStore
from fdp_bench.toy import TOY_TASK

ARMS = {("dp-dit", "clean"): "+-+", ("dp-dit", "color@3"): "+--"}


@pytest.fixture
def command(tmp_path, monkeypatch, fakes, capfd):
    """A subcommand in this process and in a folder of its own: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def call(text):
        code = main(shlex.split(text))
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture(scope="module")
def baseline(tmp_path_factory, fakes_folder):
    """A baseline of 20 episodes an arm of a policy that seldom fails, and its run."""
    folder = tmp_path_factory.mktemp("baseline")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(fakes_folder)
        run = f"run --task {TOY_TASK} --policy seeker --shift dim@2 --episodes 20 --workers 1 --out"
        assert main([*shlex.split(run), str(folder / "run")]) == 0
        assert main(["baseline", str(folder / "run"), "--out", str(folder / "toy.json")]) == 0
    return folder / "toy.json"


def test_compare_prints_the_paired_table(command, tmp_path):
    write_run(tmp_path / "a", ARMS)
    now = {"clean": "+--", "color@3": "+++"}
    write_run(
        tmp_path / "b",
        [record for shift in now for record in records("dp-dit", shift, now[shift], checkpoint="c1")],
    )

    code, out, err = command("compare a b")

    assert (code, err) == (0, "")
    clean, color = (line.split() for line in out.splitlines() if line.startswith("dp-dit"))
    assert clean[:4] == ["dp-dit", "clean", "-", "3"]
    assert "(-1" in clean
    assert "+2)" in color
    assert "fdp_bench/Lift-v1: b against a" in out


def test_compare_gives_json_with_every_flipped_episode(command, tmp_path):
    write_run(tmp_path / "a", ARMS)
    write_run(tmp_path / "b", records("base:prop", "color@3", "-++", noise_seed=2))

    code, out, _ = command("compare a b --json")
    data = json.loads(out)

    assert code == 0
    (row,) = data["comparisons"]
    assert (row["baseline_policy"], row["candidate_policy"], row["shift"]) == (
        "dp-dit",
        "base:prop",
        "color@3",
    )
    assert (row["pairs"], row["lost"], row["gained"], row["discordant"]) == (3, 1, 2, 3)
    assert [(flip["index"], flip["to"]) for flip in row["flipped"]] == [
        (0, "failure"),
        (1, "success"),
        (2, "success"),
    ]
    assert row["baseline_rate"] == pytest.approx(1 / 3)
    assert 0 < row["mcnemar_p_holm"] <= 1
    assert any("noise seed 0 and 2" in note for note in data["notes"])


def test_compare_refuses_in_one_line_a_reason(command, tmp_path):
    write_run(tmp_path / "a", ARMS)
    write_run(
        tmp_path / "b", ARMS, sampler="ddpm, 100 steps", protocol={**FIRST_PROTOCOL, "success_rule": "x"}
    )

    code, out, err = command("compare a b")

    assert (code, out) == (2, "")
    assert [line.split(": ")[:3] for line in err.splitlines()] == [
        ["error", "not comparable", "success rule"],
        ["error", "not comparable", "sampler (dp-dit)"],
    ]


def test_compare_lets_one_policy_of_several_be_chosen(command, tmp_path):
    write_run(tmp_path / "a", {("dp-dit", "clean"): "+-", ("base:prop", "clean"): "++"})

    code, out, _ = command("compare a a --baseline-policy dp-dit --candidate-policy base:prop")

    assert code == 0
    assert "dp-dit -> base:prop" in out
    assert command("compare a a --baseline-policy dp-dti")[2].startswith(
        "error: a holds no policy 'dp-dti'; did"
    )


def test_a_run_and_its_baseline_file_are_the_same(command, tmp_path):
    write_run(tmp_path / "a", ARMS)

    assert command("baseline a --out b.json")[0] == 0
    code, out, err = command("compare b.json a")

    assert (code, err) == (0, "")
    assert out.count("0 (-0 +0)") == 2


def test_an_unchanged_policy_passes_and_leaves_all_reports(command, baseline, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    (tmp_path / "step.md").write_text("before\n")

    code, out, err = command(f"check --baseline {baseline} --margin 0.2 --workers 1 --junit j.xml --out run")

    assert code == 0, err
    assert "**passed: 2 arms, none worse by 20.0 points or more**" in out
    assert "No episode came out differently." in out
    assert (tmp_path / "step.md").read_text() == "before\n" + out
    assert ElementTree.parse("j.xml").getroot().get("failures") == "0"
    assert RunStore.open(Path("run")).manifest().config["shifts"] == ["dim@2"]


def test_a_worse_policy_fails_and_its_lost_episodes_are_named(command, baseline):
    code, out, _ = command(
        f"check --baseline {baseline} --policy 'faulty?how=shape' --workers 1 --junit j.xml"
    )

    assert code == 1
    assert "**regressed: faulty?how=shape, clean -" in out
    assert r"- episode 0 (" in out
    assert ElementTree.parse("j.xml").getroot().get("failures") == "2"
    assert len(list(Path("results").glob("*-check-toy"))) == 1


def test_a_check_that_cannot_tell_is_made_longer_by_the_command_that_it_gives(command, baseline):
    code, out, _ = command(f"check --baseline {baseline} --margin 0.2 --episodes 4 --workers 1 --out run")

    assert code == 3
    assert "**cannot tell: seeker, clean" in out
    assert "Needs about" in out
    first = {record.spec.id for record in RunStore.open(Path("run")).records()}

    code, _, err = command(f"check --baseline {baseline} --margin 0.2 --episodes 20 --workers 1 --out run")

    assert code == 0, err
    store = RunStore.open(Path("run"))
    assert first < {record.spec.id for record in store.records()}
    assert [entry["episodes"] for entry in store.manifest().invocations] == [8, 32]

    # What is there already is not run again, and a shorter check takes its first episodes.
    code, out, _ = command(f"check --baseline {baseline} --margin 0.2 --episodes 4 --workers 1 --out run")

    assert code == 3
    assert "| 4 |" in out
    assert len(store.manifest().invocations) == 2


def test_another_noise_seed_meets_the_same_states(command, baseline):
    code, out, _ = command(f"check --baseline {baseline} --margin 0.9 --noise-seed 5 --workers 1 --out run")

    assert code == 0
    assert "noise seed 0 and 5" in out.replace("\\", "")
    assert {record.spec.noise_seed for record in RunStore.open(Path("run")).records()} == {5}


def test_what_cannot_be_compared_is_refused_before_anything_is_run(command, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    write_run(
        tmp_path / "a", ARMS, protocol={**FIRST_PROTOCOL, "seed_protocol": "dice"}, sampler="ddpm, 9 steps"
    )
    command("baseline a --out b.json")

    code, out, err = command("check --baseline b.json --out run")

    assert (code, out) == (2, "")
    assert [line.split(": ")[2] for line in err.splitlines()] == ["seed protocol", "sampler (dp-dit)"]
    assert "not comparable" in (tmp_path / "step.md").read_text()
    assert not Path("run").exists()


def test_an_out_folder_of_another_run_is_refused(command, baseline, tmp_path):
    write_run(tmp_path / "run", ARMS)

    code, _, err = command(f"check --baseline {baseline} --out run")

    assert code == 2
    assert f"holds a run of other task ('{LIFT}', needed: '{TOY_TASK}'); choose another --out" in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--baseline nowhere.json", "there is no run or baseline 'nowhere.json'"),
        ("--baseline {} --margin 0", "margin in (0, 1]"),
        ("--baseline {} --margin 10", "margin in (0, 1]"),
        ("--baseline {} --episodes 21", "holds 20 an arm; use --episodes 20"),
        ("--baseline {} --policy sekeer", "did you mean 'seeker'"),
        ("--baseline {} --baseline-policy blind", "holds no policy 'blind'"),
        ("", "--baseline"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_is_run(command, capfd, baseline, arguments, why):
    try:
        code, _, err = command(f"check {arguments.format(baseline)}")
    except SystemExit as stopped:
        code, err = stopped.code, capfd.readouterr().err

    assert code == 2
    assert why in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not Path("results").exists()

"""`fdp-bench run --retest` and `--until-decided` as a user meets them."""

import shlex
from pathlib import Path

import pytest

from fdp_bench.cli.main import main
from fdp_bench.records import RunStore
from fdp_bench.toy import TOY_TASK


@pytest.fixture
def run(tmp_path, monkeypatch, fakes, capfd):
    """`fdp-bench run` on the toy task in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(arguments):
        code = main(["run", "--task", TOY_TASK, "--workers", "1", *shlex.split(arguments)])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


def test_the_noise_floor_stands_under_the_table(run):
    code, out, _ = run("--policy watcher --shift dim@4 --episodes 5 --retest 0.4 --out run")

    assert code == 0
    assert "retest, same noise: 4 of 4 episodes came out equal" in out
    assert "of 4 episodes flipped" in out
    assert "watcher, dim@4" in out.split("noise floor")[1]
    assert " 5 " in next(line for line in out.splitlines() if line.startswith("watcher  dim"))


def test_a_run_that_does_not_repeat_is_loud_and_fails(run):
    code, out, err = run("--policy moody --shift clean --episodes 5 --retest 0.4 --out run")

    assert code == 1
    assert "THE REST DID NOT" in out
    assert "RETEST FAILED: 2 of 2 episodes" in err
    assert "moody, clean, episode 0" in err


def test_the_decision_stands_under_the_table(run):
    code, out, _ = run(
        "--policy seeker --policy blind --shift dim@4 --until-decided --alpha 0.1 --max-episodes 30 --out run"
    )
    store = RunStore.open(Path("run"))

    assert code == 0
    assert "A = seeker against B = blind" in out
    assert "reaches 20" in out
    assert store.manifest().config["episodes"] == 30
    for entry in store.manifest().comparisons:
        row = next(
            line for line in out.split("A = seeker")[1].splitlines() if line.startswith(entry["shift"])
        )
        assert row.split()[1:3] == ["A", str(entry["decided_at"])]
        assert f"{entry['e_value']:.3g}" in row


def test_another_noise_seed_is_another_set_of_episodes(run):
    run("--policy watcher --shift clean --episodes 2 --out plain")
    run("--policy watcher --shift clean --episodes 2 --noise-seed 3 --out fresh")

    plain, fresh = (RunStore.open(Path(name)).records() for name in ("plain", "fresh"))

    assert not {record.spec.id for record in plain} & {record.spec.id for record in fresh}
    assert {record.spec.noise_seed for record in fresh} == {3}
    assert [record.initial_state_sha256 for record in plain] == [
        record.initial_state_sha256 for record in fresh
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--policy seeker --until-decided", "compares two policies and got 1 (seeker)"),
        ("--policy seeker --policy blind --policy watcher --until-decided", "and got 3"),
        ("--policy seeker --policy blind --until-decided --episodes 9", "bound them with --max-episodes N"),
        ("--policy seeker --policy blind --until-decided --tier smoke", "bound them with --max-episodes N"),
        ("--policy seeker --policy blind --until-decided --alpha 5", "--alpha 5.0 must lie between 0 and 1"),
        ("--policy seeker --policy blind --until-decided --retest 0.2", "exclude each other"),
        ("--policy seeker --alpha 0.1", "--alpha means nothing without --until-decided"),
        ("--policy seeker --max-episodes 9", "--max-episodes means nothing without --until-decided"),
        ("--policy seeker --retest 2", "retest is 2.0; it must lie in 0-1"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(run, tmp_path, arguments, why):
    code, _, err = run(f"--shift dim {arguments}")

    assert code == 2
    assert why in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--noise-seed 3", "--until-decided", "--retest 0.2", "--max-episodes 3"])
def test_a_resumed_run_keeps_its_own(capsys, option):
    assert main(["run", "--resume", "nowhere", *option.split()]) == 2
    assert f"{option.split()[0]} cannot be given with --resume" in capsys.readouterr().err

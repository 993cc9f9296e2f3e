"""Whole sweeps on the toy task, with policies that are trained in no time."""

import re
from pathlib import Path

import pytest

from fdp_bench.cli.main import main
from fdp_bench.records import RunStore
from fdp_bench.suites.journal import Journal

pytestmark = pytest.mark.usefixtures("learning")

OUT = Path("runs/sweeps/my-suite")


@pytest.fixture
def without_runs(monkeypatch):
    """Weights are trained, and nothing is evaluated with them."""
    monkeypatch.setattr("fdp_bench.suites.sweep.evaluate", lambda *_, **__: None)
    monkeypatch.setattr("fdp_bench.cli.sweep._show", lambda *_: None)


@pytest.fixture
def sweep(capfd):
    """`fdp-bench sweep` in this process: exit code, standard output, standard error."""

    def call(suite, *arguments):
        code = main(["sweep", str(suite), *map(str, arguments)])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def curve(write_suite):
    """Two policies, two sizes, one shift."""
    return write_suite(
        'demos = [3, 5]\nshifts = ["dim"]\nseverities = [2]\nepisodes = 2', policies='["knower", "learner"]'
    )


def specs_of(run):
    return [record.spec for record in RunStore.open(OUT / "runs" / run).records()]


def test_a_sweep_trains_runs_and_leaves_arms_that_know_their_training(sweep, curve, data, diary):
    code, out, err = sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1)

    assert code == 0, err
    assert diary() == [f"demos{n}-seed0 {policy}" for n in (3, 5) for policy in ("knower", "learner")]
    assert [path.name for path in sorted((OUT / "runs").iterdir())] == [
        "Toy-v0-demos3-seed0",
        "Toy-v0-demos5-seed0",
    ]
    specs = specs_of("Toy-v0-demos3-seed0")
    assert len(specs) == 2 * 2 * 2
    assert {(s.bare_policy, s.train_demos, s.train_seed) for s in specs} == {
        ("knower", 3, 0),
        ("learner", 3, 0),
    }
    assert {s.shift for s in specs} == {"clean", "dim@2"}
    assert all(not Path(s.policy.partition("@")[2]).is_absolute() for s in specs)
    records = [record for run in (OUT / "runs").iterdir() for record in RunStore.open(run).records()]
    assert len({(record.spec.index, record.initial_state_sha256) for record in records}) == 2
    journal = Journal.read(OUT)
    entry = journal.policies[-1]
    assert (journal.status, journal.name) == ("complete", "my-suite")
    assert (entry["policy"], entry["train_demos"], entry["run"]) == ("learner", 5, "runs/Toy-v0-demos5-seed0")
    assert journal.data[entry["task"]]["file"] == "toy.demos"
    assert [entry["label"] for entry in journal.trainings] == ["demos3-seed0"] * 2 + ["demos5-seed0"] * 2
    assert str(data.parent) not in (OUT / "sweep.json").read_text()
    assert "knower, 3 demos" in out
    assert f"next: fdp-bench report {OUT}" in out


def test_a_second_call_has_nothing_to_do_nor_has_a_smaller_one(sweep, curve, data, diary):
    sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1)
    trained = diary()
    lines = (OUT / "runs" / "Toy-v0-demos3-seed0" / "episodes.jsonl").read_text()

    code, out, _ = sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1)

    assert code == 0
    assert "nothing to do: all 16 episodes are there" in out
    assert diary() == trained
    assert (OUT / "runs" / "Toy-v0-demos3-seed0" / "episodes.jsonl").read_text() == lines
    smaller = sweep(curve, "--data", f"Toy-v0={data}", "--episodes", 1, "--shift", "dim", "--dry-run")
    assert "nothing to do" in smaller[1]


def test_a_wider_call_does_only_what_is_missing(sweep, curve, data, diary):
    sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1, "--policy", "knower", "--episodes", 1)
    assert {spec.bare_policy for spec in specs_of("Toy-v0-demos3-seed0")} == {"knower"}
    others = sweep(curve, "--data", f"Toy-v0={data}", "--policy", "learner", "--dry-run")[1]
    assert "to run: 8 of 8 episodes" in others

    code, out, err = sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1)

    assert code == 0, err
    assert "to run: 12 of 16 episodes" in out
    specs = specs_of("Toy-v0-demos3-seed0")
    assert len(specs) == len({spec.id for spec in specs}) == 8
    manifest = RunStore.open(OUT / "runs" / "Toy-v0-demos3-seed0").manifest()
    assert (manifest.episodes_planned, manifest.status) == (8, "complete")
    assert [invocation["episodes"] for invocation in manifest.invocations] == [2, 6]
    assert len(manifest.trainings()) == 2
    assert len({arm["slug"] for arm in manifest.arms}) == 4
    assert len(diary()) == 4


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(sweep, curve, data, diary):
    code, out, _ = sweep(curve, "--data", f"Toy-v0={data}", "--dry-run", "--steps", 20)

    assert code == 0
    assert re.search(r"Toy-v0 +learner +5 +0 +steps20 +to train +20", out)
    assert "to train: 4 of 4 policies, about 80 gradient steps" in out
    assert "to run: 16 of 16 episodes in 2 runs" in out
    assert "the package's constants" in out
    assert diary() == []
    assert not Path("runs").exists()


def test_weights_of_equal_determinants_are_found_elsewhere_and_copied(sweep, curve, data, diary, tmp_path):
    sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1, "--policy", "knower", "--out", tmp_path / "old")
    found = tmp_path / "old" / "train" / "Toy-v0"

    arguments = ("--data", f"Toy-v0={data}", "--workers", 1, "--policy", "knower", "--train-dir", found)
    _, out, _ = sweep(curve, *arguments)

    assert len(re.findall(r"knower .* found", out)) == 2
    assert len(diary()) == 2
    copy = OUT / "train" / "Toy-v0" / "demos3-seed0" / "knower.weights"
    assert copy.read_bytes() == (found / "demos3-seed0" / "knower.weights").read_bytes()
    assert {s.policy for s in specs_of("Toy-v0-demos3-seed0")} == {f"knower@{copy}"}


@pytest.mark.usefixtures("without_runs")
def test_weights_of_other_demonstrations_are_not_taken(sweep, curve, data, tmp_path):
    sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1, "--policy", "knower", "--out", tmp_path / "old")
    found = tmp_path / "old" / "train" / "Toy-v0"
    data.write_text("somebody else pushes something else")

    _, out, _ = sweep(curve, "--data", f"Toy-v0={data}", "--dry-run", "--train-dir", found)

    assert "to train: 4 of 4" in out


@pytest.mark.usefixtures("without_runs")
@pytest.mark.parametrize("change", ["settings", "data"])
def test_a_policy_that_cannot_tell_is_trained_again_when_what_determines_it_changes(
    sweep, write_suite, data, change
):
    own = write_suite("episodes = 1", policies='["learner"]')
    sweep(own, "--data", f"Toy-v0={data}", "--workers", 1)
    assert "cached" in sweep(own, "--data", f"Toy-v0={data}", "--dry-run")[1]
    if change == "data":
        data.write_text("other")
    else:
        write_suite("episodes = 1\n[training]\ngain = 2", policies='["learner"]')

    assert "to train: 1 of 1" in sweep(own, "--data", f"Toy-v0={data}", "--dry-run")[1]


@pytest.mark.usefixtures("without_runs")
def test_a_budget_gets_weights_and_a_run_of_its_own(sweep, write_suite, data, diary):
    own = write_suite("episodes = 1\n[training]\nsteps = 100\nbase_steps = 40")

    sweep(own, "--data", f"Toy-v0={data}", "--workers", 1)
    sweep(own, "--data", f"Toy-v0={data}", "--workers", 1, "--steps", 10)

    assert diary() == ["demos100-seed0 knower", "demos100-seed0-steps10 knower"]
    settings = Journal.read(OUT).policies[0]["settings"]
    assert (settings["steps"], settings["base_steps"]) == ("10", "4")
    assert Journal.read(OUT).steps == 10


def test_variants_are_trained_and_run_apart(sweep, write_suite, data, diary):
    own = write_suite("episodes = 1\n[factors]\ngain = [3, 1]")

    code, _, err = sweep(own, "--data", f"Toy-v0={data}", "--workers", 1)

    assert code == 0, err
    assert diary() == ["demos100-seed0 knower", "demos100-seed0-gain-1 knower"]
    assert {path.name for path in (OUT / "runs").iterdir()} == {
        "Toy-v0-demos100-seed0",
        "Toy-v0-demos100-seed0-gain-1",
    }


@pytest.mark.usefixtures("without_runs")
def test_trainings_side_by_side_give_the_same_weights(sweep, curve, data, tmp_path):
    sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1, "--episodes", 1)
    sweep(curve, "--data", f"Toy-v0={data}", "--workers", 1, "--episodes", 1, "--jobs", 2, "--out", "other")

    names = [path.relative_to(OUT) for path in sorted(OUT.glob("train/*/*/*.weights"))]
    assert len(names) == 4
    assert all((OUT / name).read_bytes() == (Path("other") / name).read_bytes() for name in names)


@pytest.mark.usefixtures("without_runs")
def test_a_training_that_fails_keeps_what_is_done(sweep, write_suite, data, diary):
    own = write_suite("episodes = 1\n[variants.a]\n[variants.b]\nfail = 1")

    code, _, err = sweep(own, "--data", f"Toy-v0={data}", "--workers", 1)

    assert code == 2
    assert "it would not learn" in err
    assert diary() == ["demos100-seed0-a knower"]
    assert Journal.read(OUT).status == "failed"
    assert "to train: 1 of 2" in sweep(own, "--data", f"Toy-v0={data}", "--dry-run")[1]


def test_a_policy_without_a_training_is_run_as_it_is(sweep, write_suite):
    code, out, err = sweep(write_suite("episodes = 1", policies='["steady"]'), "--workers", 1)

    assert code == 0, err
    assert re.search(r"steady +none needed", out)
    assert [spec.train_demos for spec in specs_of("Toy-v0-untrained")] == [None]


def test_what_needs_a_calibration_gets_it_after_the_training_and_before_its_episodes(
    sweep, write_suite, data, diary
):
    suite = write_suite("demos = [3]\nepisodes = 1", policies='["knower", "calibrating"]')
    arguments = (suite, "--data", f"Toy-v0={data}", "--workers", 1)

    code, _, err = sweep(*arguments)

    assert code == 0, err
    assert "calibrating calibrating@" in err
    assert "warning: it has seen little" in err
    weights = OUT / "train/Toy-v0/demos3-seed0/knower.weights"
    assert Path(f"{weights}.seen").read_text() == "[0, 1, 2] cpu"
    assert {spec.policy for spec in specs_of("Toy-v0-demos3-seed0")} == {
        f"knower@{weights}",
        f"calibrating@{weights}",
    }
    again = sweep(*arguments)
    assert "nothing to do" in again[1]
    assert "calibrating calibrating" not in again[2]


@pytest.mark.usefixtures("without_runs")
def test_a_sweep_that_is_stopped_says_how_to_go_on(sweep, write_suite, data):
    own = write_suite("[variants.a]\n[variants.b]\nfail = 'stopped'")

    code, _, err = sweep(own, "--data", f"Toy-v0={data}")

    assert code == 130
    assert f"the whole sweep goes on with: fdp-bench sweep {own}" in err
    assert Journal.read(OUT).status == "interrupted"
    assert [entry["label"] for entry in Journal.read(OUT).trainings] == ["demos100-seed0-a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "Toy-v0"], "is not TASK=FILE"),
        (["--data", "Toy-v1=x"], "no task 'Toy-v1'; did you mean 'Toy-v0'"),
        (["--data", "Toy-v0=gone.npz"], "there is no file gone.npz"),
        (["--train-dir", "gone"], "there is no such folder"),
        (["--policy", "knowre"], "did you mean 'knower'"),
        (["--shift", "dam"], "did you mean 'dim@2'"),
        ([], "no scripted expert that could show it; give demonstrations with --data Toy-v0=FILE"),
    ],
)
def test_bad_input_is_answered_in_one_line_and_nothing_is_written(sweep, curve, arguments, message):
    code, _, err = sweep(curve, *arguments)

    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not list(Path("runs").rglob("*.weights"))


def test_an_unknown_training_setting_is_named_with_its_file(sweep, write_suite, data):
    code, _, err = sweep(write_suite("[training]\nstebs = 3"), "--data", f"Toy-v0={data}")

    assert code == 2
    assert "training has no setting 'stebs'; did you mean 'steps'" in err


def test_without_a_suite_the_packaged_ones_are_listed(capsys):
    assert main(["sweep"]) == 0
    assert "data-efficiency" in capsys.readouterr().out

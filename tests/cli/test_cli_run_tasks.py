"""`fdp-bench run` with several tasks: a run each, all checked before the first one begins."""

import shlex

import pytest
from fake_tasks import DOOMED_TASK

from fdp_bench.cli.main import main
from fdp_bench.cli.run import _task_folders
from fdp_bench.records import RunStore
from fdp_bench.toy import TOY_TASK


@pytest.fixture
def run(tmp_path, monkeypatch, fakes, capfd):
    """`fdp-bench run` with the arguments typed: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(arguments):
        code = main(
            ["run", *shlex.split(arguments), *["--shift", "clean", "--episodes", "1", "--workers", "1"]]
        )
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


def test_each_task_gets_a_run_in_a_folder_of_its_own(run, tmp_path):
    code, out, err = run(f"--policy blind --task {TOY_TASK} --task {DOOMED_TASK} --out both")

    assert code == 0, err
    folders = {
        folder.name: RunStore.open(folder).manifest().config["task"]
        for folder in (tmp_path / "both").iterdir()
    }
    assert folders == {"toy-v0": TOY_TASK, "doomed-v0": DOOMED_TASK}
    assert out.count("success under shifts") == 2


def test_without_a_folder_the_runs_of_all_tasks_lie_in_one_that_the_report_finds(run, tmp_path, capfd):
    code, out, err = run(f"--policy blind --task {TOY_TASK} --task {DOOMED_TASK}")

    assert code == 0, err
    (folder,) = (tmp_path / "results").iterdir()
    assert sorted(entry.name for entry in folder.iterdir()) == ["doomed-v0", "toy-v0"]
    assert out.count("next: ") == 1
    assert f"next: fdp-bench report results/{folder.name}\n" in out

    assert main(["report"]) == 0
    shown = capfd.readouterr().out
    assert "All tasks: success under shifts" in shown
    assert (folder / "report" / "tasks.csv").read_text().count("blind") == 2


def test_tasks_of_one_name_get_folders_of_their_own():
    assert _task_folders(["a:x/Env-v0", "b:y/Env-v0", "fdp_bench/Lift-v1", "c:z/Env-v0"]) == [
        "env-v0",
        "env-v0-2",
        "lift-v1",
        "env-v0-4",
    ]


@pytest.mark.parametrize(
    ("second", "message"),
    [(TOY_TASK, "is given twice"), ("Lfit", "did you mean 'Lift'")],
)
def test_nothing_begins_when_a_later_task_is_wrong(run, tmp_path, second, message):
    code, _, err = run(f"--policy blind --task {TOY_TASK} --task {second} --out both")

    assert code == 2
    assert message in err
    assert not (tmp_path / "both").exists()

"""`fdp-bench run` with several tasks: a run each, all checked before the first one begins."""

import shlex

import pytest
from fakes import DOOMED_TASK

from fdp_bench.cli.main import main
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


@pytest.mark.parametrize(
    ("second", "message"),
    [(TOY_TASK, "is given twice"), ("Lfit", "did you mean 'Lift'")],
)
def test_nothing_begins_when_a_later_task_is_wrong(run, tmp_path, second, message):
    code, _, err = run(f"--policy blind --task {TOY_TASK} --task {second} --out both")

    assert code == 2
    assert message in err
    assert not (tmp_path / "both").exists()

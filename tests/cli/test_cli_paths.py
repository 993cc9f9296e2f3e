"""Paths that the system itself refuses, and names that are no text."""

import os

import pytest

from fdp_bench.cli.main import main
from fdp_bench.toy import TOY_TASK

TOO_LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--resume", TOO_LONG],
        ["run", "--policy", f"lerobot@{TOO_LONG}", "--shift", "clean", "--workers", "1"],
        ["run", "--policy", f"replay@{TOO_LONG}.safetensors", "--shift", "clean", "--workers", "1"],
        ["run", "--policy", "random", "--shift", "clean", "--task", f"{TOO_LONG}.toml"],
        ["run", "--policy", "random", "--shift", "clean", "--out", TOO_LONG],
        ["report", TOO_LONG],
        ["merge", TOO_LONG, "--out", "x"],
        ["compare", TOO_LONG, TOO_LONG],
        ["baseline", TOO_LONG, "--out", "x"],
        ["check", "--baseline", TOO_LONG],
        ["sweep", f"{TOO_LONG}.toml"],
        ["sweep", "robustness", "--dry-run", "--out", TOO_LONG],
        ["sweep", "robustness", "--dry-run", "--data", f"Lift={TOO_LONG}"],
        ["diagnose", "--policy", "dp-dit", "--out", TOO_LONG],
        ["demos", "import", TOO_LONG, "--out", "x.hdf5"],
        ["demos", "card", TOO_LONG],
        ["train", "--policy", "dp-dit", "--task", "Lift", "--data", f"{TOO_LONG}.npz"],
        ["shifts", "preview", "--shift", "occlusion", "--out", TOO_LONG],
    ],
    ids=" ".join,
)
def test_a_path_that_is_too_long_is_one_line_and_exit_code_2(arguments, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    assert main(arguments) == 2

    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert TOO_LONG in said
    assert list(tmp_path.iterdir()) == []


def test_what_may_not_be_looked_at_is_named(tmp_path, monkeypatch, capsys):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.exists", refuse)

    assert main(["report", "closed/run"]) == 2
    assert capsys.readouterr().err == "error: 'closed/run': Permission denied (--debug shows where)\n"

    with pytest.raises(PermissionError):
        main(["report", "closed/run", "--debug"])


def test_a_folder_whose_name_is_no_text_can_be_run_into_and_reported(tmp_path, monkeypatch, capfd, fakes):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"x\xffy")

    arguments = [
        "--policy",
        "blind",
        "--shift",
        "clean",
        "--task",
        TOY_TASK,
        "--episodes",
        "1",
        "--workers",
        "1",
    ]
    assert main(["run", *arguments, "--out", name]) == 0
    assert main(["report", name]) == 0

    assert b"x\\udcffy" in (tmp_path / name / "report" / "report.html").read_bytes()

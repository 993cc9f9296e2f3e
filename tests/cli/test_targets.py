"""Where a command is to write is looked at before its work."""

import pytest

from fdp_bench.api import RunError
from fdp_bench.cli._targets import check_file, check_folder
from fdp_bench.cli.main import main


def test_what_can_be_written_passes_and_nothing_is_made(tmp_path):
    check_file(None, "--json")
    check_folder(None, "--out")
    check_file(tmp_path / "new" / "file.json", "--json")
    check_folder(tmp_path / "new" / "folder", "--out")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("check", "name", "why"),
    [
        (check_file, "folder", "is a folder; name a file in it"),
        (check_file, "file/below", "cannot be written: .*file is no folder that you may write"),
        (check_folder, "file", "is a file; name a folder"),
        (check_folder, "file/below", "is no folder that you may write"),
    ],
)
def test_what_cannot_be_written_is_refused_by_its_option(tmp_path, check, name, why):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match=f"--there .*{why}"):
        check(tmp_path / name, "--there")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)

    with pytest.raises(RunError, match="is no folder that you may write; choose another"):
        check_folder(tmp_path, "--out")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--baseline", "b.json", "--junit", "file/below.xml"],
        ["diagnose", "--policy", "dp-dit", "--json", "file/below.json"],
        ["diagnose", "--policy", "dp-dit", "--out", "file"],
    ],
    ids=" ".join,
)
def test_commands_look_first(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()

    assert main(arguments) == 2
    assert f"error: {arguments[-2]} {arguments[-1]} " in capsys.readouterr().err

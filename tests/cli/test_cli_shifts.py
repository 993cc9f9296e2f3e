import numpy as np
import pytest
from matplotlib.image import imread

from fdp_bench.cli.main import main
from fdp_bench.toy import TOY_TASK

PAGE = """# Page
<!-- shift parameters -->
<!-- end of shift parameters -->
<!-- shift effects -->
kept
<!-- end of shift effects -->
"""


def test_a_preview_is_written_to_the_file_named(tmp_path, capsys):
    path = tmp_path / "strip.png"

    assert main(["shifts", "preview", "--shift", "occlusion", "--task", TOY_TASK, "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert min(imread(path).shape[:2]) > 500


def test_several_previews_go_to_a_folder_under_their_names(tmp_path, capsys):
    shifts = ["--shift", "camera_pose+occlusion", "--shift", "prop_bias"]

    assert main(["shifts", "preview", *shifts, "--task", TOY_TASK, "--out", str(tmp_path / "new")]) == 0
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["strip-camera-pose-and-occlusion.png", "strip-prop-bias-prop.png"] or names == [
        "strip-camera_pose-and-occlusion.png",
        "strip-prop_bias-prop.png",
    ]
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_pictures_of_the_readings_differ_between_shifts(tmp_path):
    for shift in ("prop_bias", "prop_noise"):
        out = str(tmp_path / f"{shift}.png")
        assert main(["shifts", "preview", "--shift", shift, "--task", TOY_TASK, "--out", out]) == 0

    one, other = (imread(tmp_path / f"{shift}.png") for shift in ("prop_bias", "prop_noise"))
    assert one.shape == other.shape
    assert (np.abs(one - other).max(axis=-1) > 0.1).mean() > 0.02


def test_all_shifts_into_one_file_are_refused(tmp_path, capsys):
    assert main(["shifts", "preview", "--task", TOY_TASK, "--out", str(tmp_path / "one.png")]) != 0
    assert "do not fit into one file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg"])
def test_a_sheet_shows_each_shift_in_a_row(tmp_path, capsys, name):
    path = tmp_path / "new" / name
    sheet = ["shifts", "preview", "--task", TOY_TASK, "--sheet", str(path)]

    assert main([*sheet, "--shift", "noise"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    one = imread(path).shape
    assert main([*sheet, "--shift", "noise", "--shift", "blur"]) == 0
    two = imread(path).shape
    assert two[0] > one[0] + 30
    assert two[1] == one[1]


@pytest.mark.parametrize("more", [["--sheet", "sheet.gif"], ["--sheet", "sheet.png", "--out", "previews"]])
def test_a_sheet_that_is_no_picture_or_goes_to_two_places_is_refused(tmp_path, monkeypatch, capsys, more):
    monkeypatch.chdir(tmp_path)

    assert main(["shifts", "preview", "--task", TOY_TASK, "--shift", "noise", *more]) != 0
    assert capsys.readouterr().err == (
        "error: --sheet writes one file, a .png or .jpg, and no folder: --sheet previews.png\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_shift_that_the_task_cannot_take_is_an_error_when_asked_for(tmp_path, capsys):
    code = main(
        ["shifts", "preview", "--shift", "tactile_bias", "--task", TOY_TASK, "--out", str(tmp_path / "new")]
    )

    assert code != 0
    assert capsys.readouterr().err.startswith("error: shift 'tactile_bias'")
    assert not (tmp_path / "new").exists()


def test_the_table_of_parameters_is_put_into_a_page_and_then_up_to_date(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    assert main(["shifts", "table", "--into", str(page), "--check"]) == 1
    assert f"run fdp-bench shifts table --into {page}" in capsys.readouterr().err
    assert page.read_text() == PAGE
    assert main(["shifts", "table", "--into", str(page), "--no-effects"]) == 0
    assert main(["shifts", "table", "--into", str(page), "--check"]) == 0
    assert "| `camera_pose` | offset along each axis up to, m | 0.10 |" in page.read_text()
    assert "kept" in page.read_text()


def test_a_parameter_that_was_changed_by_hand_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    main(["shifts", "table", "--into", str(page), "--no-effects"])
    page.write_text(page.read_text().replace("| 0.10 |", "| 0.11 |"))

    assert main(["shifts", "table", "--into", str(page), "--check"]) == 1


def test_a_page_that_is_not_there_is_explained_in_one_line(tmp_path, capsys):
    assert main(["shifts", "table", "--into", str(tmp_path / "no.md"), "--check"]) != 0
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["shifts"], ["shifts", "previe"]])
def test_a_missing_or_misspelt_action_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")

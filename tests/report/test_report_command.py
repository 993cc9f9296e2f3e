import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fake_records import arm, record, twin_arms
from fake_runs import slugs, write_run
from fake_sweeps import severity_records
from matplotlib.image import imread, imsave

from fdp_bench.api import EpisodeRecord, RunError
from fdp_bench.cli import report
from fdp_bench.records import RunStore
from fdp_bench.report.figures.films import film_figure, find_films
from fdp_bench.toy import TOY_TASK

SHIFT = "occlusion@3"


def run_command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    report.configure(parser)
    parser.set_defaults(command_line=["fdp-bench", "report", *arguments])
    return report.run(parser.parse_args(arguments))


def toy_records(**options: object) -> list[EpisodeRecord]:
    return twin_arms("++++", "+--!", task=TOY_TASK, **options)


def write_strip(path: Path, frames: int, value: float) -> None:
    path.parent.mkdir(exist_ok=True)
    imsave(path, np.full((64, 32 * frames, 3), value))


def test_a_report_holds_tables_plots_and_a_strip_of_each_shift(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "night", toy_records())
    assert run_command(str(run)) == 0
    written = {file.name for file in (run / "report").iterdir()}
    assert written == {
        "summary.csv",
        "comparison.csv",
        "summary.md",
        "summary.tex",
        "success.png",
        "success.svg",
        "strip-occlusion.png",
        "report.html",
    }
    assert min(imread(run / "report" / "strip-occlusion.png").shape[:2]) > 300
    printed = capsys.readouterr().out
    assert "+75 [" in printed
    assert str(run / "report") in printed
    assert "strip-occlusion.png" in printed


def test_without_a_name_the_newest_run_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("results/old"), toy_records(), created="2026-01-30T12:00:00+00:00")
    write_run(Path("results/new"), toy_records(), created="2026-01-31T12:00:00+00:00")
    run_command()
    assert not Path("results/old/report").exists()
    assert Path("results/new/report/summary.csv").is_file()


def test_policies_are_compared_in_the_printed_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = toy_records() + toy_records(policy="other")
    run_command(str(write_run(tmp_path / "night", records)))
    assert "policy against policy" in capsys.readouterr().out


def test_several_runs_need_a_folder_for_their_report(tmp_path: Path) -> None:
    runs = [str(write_run(tmp_path / name, arm("+", policy=name, task=TOY_TASK))) for name in ("a", "b")]
    with pytest.raises(RunError, match="--out DIR"):
        run_command(*runs)
    run_command(*runs, "--out", str(tmp_path / "both"))
    text = (tmp_path / "both" / "summary.md").read_text()
    assert "| a | clean |" in text
    assert "| b | clean |" in text


def test_a_folder_of_runs_makes_one_report_inside_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / "sweep" / "runs" / name, arm("+", policy=name, task=TOY_TASK))
    assert run_command(str(tmp_path / "sweep")) == 0
    page = (tmp_path / "sweep" / "report" / "report.html").read_text()
    assert f"fdp-bench report {tmp_path / 'sweep'}" in page
    assert (tmp_path / "sweep" / "report" / "summary.csv").read_text().count(TOY_TASK) == 2


def test_curves_are_written_with_their_tables(tmp_path: Path) -> None:
    levels = {0: 4, 1: 3, 5: 1}
    run = write_run(tmp_path / "night", severity_records(levels, task=TOY_TASK, episodes=4))
    run_command(str(run))
    written = {file.name for file in (run / "report").iterdir()}
    assert {f"severity.{ending}" for ending in ("png", "svg", "csv", "md")} <= written
    assert {"severity-area.csv", "severity-area.md"} <= written


def test_a_shift_that_cannot_be_drawn_is_announced_and_the_tables_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = twin_arms("+", "-", task="fdp_bench.toy:fdp_bench_toy/Nowhere-v0")
    run = write_run(tmp_path / "night", records)
    assert run_command(str(run)) == 0
    assert "no film strip of occlusion on fdp_bench.toy:fdp_bench_toy/Nowhere-v0" in capsys.readouterr().err
    assert (run / "report" / "summary.csv").is_file()


def test_no_module_of_python_is_imported_because_a_manifest_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Importing it opens a browser.
    run = write_run(tmp_path / "night", twin_arms("+", "-", task="antigravity:x/Env-v0"))
    assert run_command(str(run)) == 0
    assert "names a module of Python itself" in capsys.readouterr().err
    assert "antigravity" not in sys.modules


def test_links_in_a_strangers_run_lead_no_file_of_a_report_out_of_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    run = write_run(tmp_path / "night", toy_records())
    (run / "report").symlink_to(mine)
    with pytest.raises(RunError, match="is a symbolic link, which may lead out of the run"):
        run_command(str(run))
    (run / "report").unlink()
    (run / "report").mkdir()
    names = ("summary.csv", "summary.md", "success.png", "success.svg", "strip-occlusion.png", "report.html")
    for name in names:
        (mine / name).write_text("dear")
        (run / "report" / name).symlink_to(mine / name)

    assert run_command(str(run)) == 0

    assert {file.read_text() for file in mine.iterdir()} == {"dear"}
    assert {file.name for file in mine.iterdir()} == {*names}
    assert not any((run / "report" / name).is_symlink() for name in names)


def test_a_picture_that_a_link_leads_to_is_not_published(tmp_path: Path) -> None:
    run = write_run(tmp_path / "night", toy_records())
    write_strip(tmp_path / "private.png", 2, 0.5)
    (run / "strips").mkdir(exist_ok=True)
    for slug in slugs(run).values():
        (run / "strips" / f"{slug}.png").symlink_to(tmp_path / "private.png")

    assert find_films(run, TOY_TASK, RunStore.open(run).manifest().arms) == []


def test_pictures_do_not_depend_on_anybodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = write_run(tmp_path / "plain", toy_records())
    run_command(str(plain), "--out", str(tmp_path / "a"))
    for name, value in {
        "text.usetex": True,
        "font.size": 40,
        "savefig.dpi": 30,
        "axes.facecolor": "red",
    }.items():
        monkeypatch.setitem(matplotlib.rcParams, name, value)
    run_command(str(plain), "--out", str(tmp_path / "b"))

    for name in ("success.png", "success.svg", "strip-occlusion.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    run = write_run(tmp_path / "night", arm("+", task=TOY_TASK))
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="choose another --out"):
        run_command(str(run), "--out", str(tmp_path / "file" / "report"))


def test_an_unfinished_run_is_reported_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "night", [record(0, success=True, task=TOY_TASK)], planned=9)
    assert run_command(str(run)) == 0
    assert "1 of 9 episodes" in capsys.readouterr().err


def test_strips_that_the_run_kept_are_shown_clean_beside_shifted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "night", toy_records() + toy_records(policy="other"))
    names = slugs(run)
    for policy in ("dp-dit", "other"):
        write_strip(run / "strips" / f"{names[policy, 'clean']}.png", frames=3, value=0.2)
    write_strip(run / "strips" / f"{names['dp-dit', SHIFT]}.png", frames=6, value=0.8)
    (film,) = find_films(run, TOY_TASK, RunStore.open(run).manifest().arms)
    assert list(film.pairs) == ["dp-dit"]
    clean, shifted = (axes.images[0].get_array() for axes in film_figure(film).axes)
    assert clean.shape == shifted.shape == (64, 192, 3)
    assert float(clean[0, 0, 0]) == pytest.approx(0.2, abs=0.01)
    assert float(clean[0, -1, 0]) == 1.0
    assert float(shifted[0, -1, 0]) == pytest.approx(0.8, abs=0.01)
    run_command(str(run))
    assert (run / "report" / "film-occlusion-3.png").is_file()

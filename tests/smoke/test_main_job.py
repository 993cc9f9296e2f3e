"""The README's commands, typed as they stand there: the first run on the bundled weights."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from doc_pages import run_page

pytestmark = pytest.mark.slow

EPISODES = 50  # of a cell, unless told otherwise


class MainJob(NamedTuple):
    shown: str
    run: Path
    report: Path


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newcomer")
    shown = run_page("README.md", folder)
    (run,) = (folder / "work" / "results").iterdir()
    return MainJob(shown, run, run / "report")


def records(job):
    return [json.loads(line) for line in (job.run / "episodes.jsonl").read_text().splitlines()]


def test_both_commands_print_the_table_of_both_conditions(job):
    rows = [line.split()[:2] for line in job.shown.splitlines() if line.startswith("fdp:prop>vision ")]

    assert rows == [["fdp:prop>vision", "clean"], ["fdp:prop>vision", "occlusion"]] * 2


def test_every_episode_ran_without_an_error(job):
    assert [record["status"] for record in records(job)] == ["ok"] * (2 * EPISODES)


def test_every_shifted_episode_has_its_clean_twin(job):
    starts = {"clean": {}, "occlusion@3": {}}
    for record in records(job):
        starts[record["spec"]["shift"]][record["spec"]["index"]] = record["initial_state_sha256"]

    assert starts["clean"] == starts["occlusion@3"]
    assert len(starts["clean"]) == EPISODES


def test_the_occlusion_changed_what_the_policy_saw(job):
    changes = [
        max(record["receipt"]["pixel_change"].values())
        for record in records(job)
        if record["spec"]["shift"] != "clean"
    ]

    assert min(changes) > 0


def test_the_policy_lifts_the_cube_with_its_eyes_open(job):
    lifted = sum(record["success_once"] for record in records(job) if record["spec"]["shift"] == "clean")

    # Bundled weights succeed in most episodes; weights that were not loaded, in none.
    assert lifted >= EPISODES // 2


def test_the_manifest_says_with_what_it_was_made(job):
    manifest = json.loads((job.run / "manifest.json").read_text())

    assert "mujoco" in json.dumps(manifest)
    assert "torch" in json.dumps(manifest)


@pytest.mark.parametrize("name", ["summary.csv", "summary.md", "summary.tex"])
def test_the_report_has_the_policy_in_every_format(job, name):
    # LaTeX wraps the `>`.
    assert all(word in (job.report / name).read_text() for word in ("fdp:prop", "vision", "occlusion"))


def test_the_report_draws_a_plot_and_a_film_strip(job):
    assert len([path for path in job.report.rglob("*.png") if path.stat().st_size > 0]) >= 2


def test_the_csv_has_a_row_for_each_cell(job):
    with (job.report / "summary.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2

"""The README's two commands, as a newcomer types them, on the bundled weights."""

import csv
import json
import subprocess
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow

FDP_BENCH = Path(sysconfig.get_path("scripts")) / "fdp-bench"
EPISODES = 10  # the tier "smoke"
FIRST_COMMAND = ("run", "--policy", "fdp:prop>vision", "--shift", "occlusion", "--tier", "smoke")
SECOND_COMMAND = ("report",)


class MainJob(NamedTuple):
    run_table: str
    report_table: str
    run: Path
    report: Path


def fdp_bench(*arguments, cwd):
    done = subprocess.run([FDP_BENCH, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newcomer")
    run_table = fdp_bench(*FIRST_COMMAND, cwd=folder)
    report_table = fdp_bench(*SECOND_COMMAND, cwd=folder)
    (run,) = (folder / "results").iterdir()
    return MainJob(run_table, report_table, run, run / "report")


def records(job):
    return [json.loads(line) for line in (job.run / "episodes.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("command", ["run", "report"])
def test_a_table_names_the_policy_and_both_conditions(job, command):
    table = job.run_table if command == "run" else job.report_table

    assert "fdp:prop>vision" in table
    assert "clean" in table
    assert "occlusion" in table


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

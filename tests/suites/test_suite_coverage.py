"""Counting a suite's cells in the records of its sweep."""

from dataclasses import replace
from pathlib import Path

import pytest
from sweep_folders import write_sweep

from fdp_bench.cli.main import main
from fdp_bench.report.coverage import Coverage, coverage_markdown
from fdp_bench.suites.coverage import check_suite, coverage_of
from fdp_bench.suites.journal import Journal
from fdp_bench.suites.load import load_suite
from fdp_bench.suites.suite import Suite

pytestmark = pytest.mark.usefixtures("learning")

OUT = Path("runs/sweeps/my-suite")


@pytest.fixture
def suite(write_suite):
    """Two policies, two seeds, two shifts."""
    return write_suite(
        'demos = [3]\ntrain_seeds = [0, 1]\nshifts = ["dim@2", "dim@4"]\nepisodes = 5',
        policies='["knower", "learner"]',
    )


def test_a_complete_suite_says_how_many_cells_it_has(suite):
    write_sweep(OUT, suite)
    assert coverage_of(OUT) == Coverage("Suite my-suite is complete: 12 cells of 5 episodes.")


def test_what_is_missing_is_said_by_the_largest_group_that_lacks_it(suite, tmp_path):
    write_sweep(OUT, suite, left_out={"knower dim@2": 2, "learner": 5})
    missing = coverage_of(OUT).missing
    assert missing == (
        "Toy-v0, demos3-seed0: no episode of learner",
        "Toy-v0, demos3-seed0: knower has of 5 episodes: dim@2 3",
        "Toy-v0, demos3-seed1: no episode of learner",
        "Toy-v0, demos3-seed1: knower has of 5 episodes: dim@2 3",
    )
    (OUT / "runs" / "Toy-v0-demos3-seed1" / "manifest.json").unlink()
    assert coverage_of(OUT).missing[-1] == "Toy-v0, demos3-seed1: all 6 cells (knower, learner)"
    (OUT / "runs" / "Toy-v0-demos3-seed0" / "manifest.json").unlink()
    assert coverage_of(OUT).missing == ("Toy-v0: all 12 cells (knower, learner)",)


def test_a_sweep_of_a_part_is_held_against_the_whole_suite(suite):
    write_sweep(OUT, suite)
    more = suite.read_text().replace("train_seeds = [0, 1]", "train_seeds = [0, 1, 2]")
    suite.write_text(more)
    coverage = coverage_of(OUT)
    assert "12 of 18 cells of 5 episodes are there, and 30 of 90 episodes are missing" in coverage.sentence
    assert coverage.missing == ("Toy-v0, demos3-seed2: all 6 cells (knower, learner)",)


def test_episodes_of_other_weights_or_another_seed_do_not_count(suite):
    write_sweep(OUT, suite)
    journal = Journal.read(OUT)
    retrained = [{**entry, "sha256": "f" * 64} for entry in journal.policies[:1]]
    replace(journal, policies=[*retrained, *journal.policies[1:]]).write(OUT)
    assert coverage_of(OUT).missing == ("Toy-v0, demos3-seed0: no episode of knower",)
    assert len(check_suite(replace(load_suite(str(suite)), seed=9), OUT).missing) == 1


def test_without_its_file_a_suite_is_what_the_sweep_was_asked_for(suite):
    write_sweep(OUT, suite, left_out={"learner dim@4": 1})
    suite.unlink()
    coverage = coverage_of(OUT)
    assert coverage.sentence.startswith(
        "Suite my-suite, as its sweep was last asked for it, is not complete: 10 of 12"
    )
    assert len(coverage.missing) == 2


def test_a_suite_that_needs_what_is_not_installed_is_said_not_to_be_counted(suite):
    write_sweep(OUT, suite)
    suite.write_text(suite.read_text().replace('"learner"', '"nowhere"'))
    journal = Journal.read(OUT)
    replace(journal, suite={**journal.suite, "policies": ["nowhere"]}).write(OUT)
    sentence = coverage_of(OUT).sentence
    assert sentence.startswith("The cells of suite my-suite cannot be counted:")
    assert "nowhere" in sentence


def test_a_suite_survives_its_json(suite):
    read = load_suite(str(suite))
    assert Suite.from_json(read.to_json()) == read
    with pytest.raises(ValueError, match="episodes"):
        Suite.from_json({**read.to_json(), "episodes": "many"})


@pytest.mark.parametrize(
    ("filters", "code"), [((), 1), (("--policies", "knower"), 0), (("--episodes", "4"), 0)]
)
def test_the_command_exits_with_1_where_something_of_what_is_asked_is_missing(suite, filters, code, capfd):
    write_sweep(OUT, suite, left_out={"learner dim@4": 1})
    assert main(["sweep", str(suite), "--check", str(OUT), *filters]) == code
    shown = capfd.readouterr().out
    assert ("learner has of 5 episodes: dim@4 4" in shown) == (code == 1)


def test_names_in_it_do_not_act_as_markdown():
    assert (
        coverage_markdown([Coverage("Suite a lacks:", ("x_y_z", "b"))])
        == "Suite a lacks:\n\n- x\\_y\\_z\n- b\n\n"
    )

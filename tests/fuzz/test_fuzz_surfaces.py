"""Strangers' input raises the project's own errors and nothing else, and never runs."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from fdp_bench.api import SpecError

from .surfaces import SURFACES, fuzz
from .watch import PICKLE, Tally, watch


def assert_harmless(tally, examples):
    assert tally.texts == {}
    assert dict(tally.ran) == {}
    # Hypothesis may run out of new inputs, but not by much.
    assert tally.examples >= 0.9 * examples
    assert tally.refused > 0.05 * examples
    # Where nothing is let in, whatever lies behind the door was never tried.
    assert tally.refused < 0.99 * tally.examples


@pytest.mark.parametrize("name", SURFACES)
def test_two_hundred_inputs_do_no_harm(name):
    assert_harmless(fuzz(name, 200), SURFACES[name].examples(200))


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
def test_ten_thousand_inputs_do_no_harm(name):
    assert_harmless(fuzz(name, 10_000), SURFACES[name].examples(10_000))


def test_the_tally_tells_errors_of_the_project_from_others():
    tally = Tally()

    def raises(error):
        raise error

    tally.attempt(lambda: None, 0)
    tally.attempt(lambda: raises(SpecError("in a line")), 1)
    tally.attempt(lambda: raises(SpecError("")), 2)
    tally.attempt(lambda: raises(KeyError("x")), 3)

    assert (tally.examples, tally.refused, tally.tracebacks.total()) == (4, 2, 2)
    assert any("KeyError" in place for place in tally.tracebacks)


def test_the_tally_notices_what_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    watch()
    tally = Tally()

    tally.attempt(lambda: pickle.loads(PICKLE), "a pickle")
    tally.attempt(lambda: subprocess.run([sys.executable, "-c", ""], check=True), "a program")
    tally.attempt(lambda: (tmp_path.parent / "elsewhere").write_text("x"), "a file elsewhere")

    noticed = " ".join(tally.ran)
    assert all(word in noticed for word in ("canary", "pickle.find_class", "subprocess.Popen", "elsewhere"))
    (tmp_path.parent / "elsewhere").unlink()


@pytest.mark.slow
def test_the_command_writes_its_figures(tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.fuzz", "specs", "--examples", "50", "--json", str(out)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)

    assert done.stdout.startswith("specs: ")
    row = json.loads(out.read_text())["specs"]
    assert row["examples"] > 0
    assert (row["tracebacks"], row["code_run"], row["crashes"]) == (0, 0, 0)

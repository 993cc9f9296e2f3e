"""Fake policies that learn, a suite file of one's own, and demonstrations that nobody reads."""

import learners
import pytest
from fakes import fakes, fakes_environment, fakes_folder, install_distribution

from fdp_bench.toy import TOY_TASK

__all__ = ["fakes", "fakes_environment", "fakes_folder"]


@pytest.fixture
def learning(tmp_path_factory, monkeypatch, fakes):
    """The policies of `learners`, beside the usual fakes, in an empty working folder."""
    folder = tmp_path_factory.mktemp("learners")
    install_distribution(folder, "fdp-bench-learners", policies=learners.POLICIES, shifts={})
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))


@pytest.fixture
def write_suite(tmp_path):
    """Write ``my-suite.toml`` and return its path."""

    def write(text="", *, name="my-suite", policies='["knower"]', tasks=f'["{TOY_TASK}"]'):
        path = tmp_path / f"{name}.toml"
        path.write_text(f"policies = {policies}\ntasks = {tasks}\n{text}")
        return path

    return write


@pytest.fixture
def data(tmp_path):
    """A demonstration file of the toy task."""
    path = tmp_path / "toy.demos"
    path.write_text("somebody pushes something")
    return path


@pytest.fixture
def diary(tmp_path):
    """What was trained so far, one line each."""

    def read():
        path = tmp_path / learners.DIARY
        return path.read_text().splitlines() if path.is_file() else []

    return read

"""A module of the working folder is imported where a person typed its id, and never because a file names it."""

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from fdp_bench.api import SpecError
from fdp_bench.cli._typed_task import typed_task
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.tasks.external.modules import check_module

TASK = "planted:planted/Env-v0"
#: Says that it was imported, and holds the example's environment in the place of its own.
PLANTED = """
from pathlib import Path
import gymnasium
Path("ran").touch()
gymnasium.register("planted/Env-v0", entry_point="fdp_bench.toy:ToyEnv", max_episode_steps=20)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a module in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "planted.py").write_text(PLANTED)
    yield tmp_path
    sys.modules.pop("planted", None)


def test_a_module_here_is_not_imported_by_name_alone(folder):
    with pytest.raises(
        SpecError, match=r"'planted' lies in the working folder, where only --task .* PYTHONPATH="
    ):
        make_base(TASK)

    assert not (folder / "ran").exists()


def test_a_module_here_is_found_for_a_task_that_was_typed(folder):
    assert typed_task(TASK) == TASK

    make_base(TASK).close()
    assert (folder / "ran").exists()
    assert sys.path[-1] == str(folder)


@pytest.mark.parametrize(
    "name", ["Lift", "fdp_bench.toy:fdp_bench_toy/Toy-v0", "absent:x/Env-v0", "CartPole-v1"]
)
def test_no_other_task_opens_the_working_folder(folder, name):
    before = [*sys.path]
    if name != "CartPole-v1":
        typed_task(name)

    assert sys.path == before


def test_what_is_imported_already_need_not_be_looked_for(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "planted", types.ModuleType("planted"))

    check_module(TASK, TASK)


def test_modules_of_python_are_refused():
    with pytest.raises(SpecError, match="a module of Python itself"):
        check_module("mine/Env-v0", "antigravity:x/Env-v0")


def test_no_file_beside_a_strangers_run_is_run_by_a_report(folder, fakes_environment):
    """The folder holds a run whose manifest names the module, and files by the names of Python's own."""
    run = [str(Path(sys.executable).with_name("fdp-bench"))]
    base = [*run, "run", "--policy", "blind", "--shift", "dim", "--episodes", "1", "--workers", "1"]
    subprocess.run(
        [*base, "--task", TASK, "--out", "run"], check=True, env=fakes_environment, capture_output=True
    )
    assert json.loads((folder / "run" / "manifest.json").read_text())["config"]["task"] == TASK
    (folder / "ran").unlink()
    for name in ("multiprocessing", "pickle", "tempfile"):
        (folder / f"{name}.py").write_text("from pathlib import Path; Path('ran').touch()\n")
    (folder / "matplotlibrc").write_text("text.usetex: True\n")

    done = subprocess.run([*run, "report", "run"], env=fakes_environment, capture_output=True, text=True)
    assert "'planted' lies in the working folder" in done.stderr
    assert (folder / "run" / "report" / "report.html").is_file()
    assert not (folder / "ran").exists()

    (folder / "run" / "episodes.jsonl").write_text("")
    done = subprocess.run(
        [*run, "run", "--resume", "run"], env=fakes_environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "'planted' lies in the working folder" in done.stderr
    assert not (folder / "ran").exists()

"""The registry of tasks, and Gymnasium's knowledge of it."""

import subprocess
import sys

import pytest

from fdp_bench.api.errors import SpecError
from fdp_bench.tasks import TASKS, resolve_task


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("name", ["LiftWide", "LiftWide-v1", "fdp_bench/LiftWide-v1"])
def test_short_names_resolve_to_ids(name):
    assert resolve_task(name) == "fdp_bench/LiftWide-v1"


@pytest.mark.parametrize("name", ["my_pkg:my_ns/MyEnv-v0", "other/Push-v3"])
def test_other_peoples_environments_are_left_to_gymnasium(name):
    assert resolve_task(name) == name


@pytest.mark.parametrize("name", ["Lfit", "fdp_bench/Lift-v9", ""])
def test_an_unknown_task_is_refused_with_a_suggestion(name):
    with pytest.raises(SpecError, match=r"did you mean '\w+'|valid: AdroitHandDoor, Can, "):
        resolve_task(name)


def test_short_names_and_versions_come_from_the_ids():
    names = [(task.short_name, task.version) for task in TASKS.values()]
    assert names == [(name, 1) for name in ("Lift", "LiftWide", "Can", "Stack", "Square", "Door")]


@pytest.mark.parametrize("imports", ["import fdp_bench, gymnasium", "import gymnasium, fdp_bench"])
def test_importing_the_package_registers_the_tasks_in_either_order(imports):
    code = f"{imports}; print(sorted(name for name in gymnasium.registry if name.startswith('fdp_bench/')))"
    assert run_python(code) == str(sorted(TASKS))


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("gymnasium", "numpy", "mujoco", "robosuite", "torch")
    code = f"import sys, fdp_bench, fdp_bench.tasks; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code) == "[]"


def test_the_registry_agrees_with_the_environment():
    from fdp_bench.tasks import describe

    for task_id, task in TASKS.items():
        described = describe(task_id)
        assert (task.horizon, task.control_hz) == (described.horizon, described.control_hz)


def test_importing_robosuite_prints_nothing():
    code = "from fdp_bench.sim.physics import import_robosuite; import_robosuite()"
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (finished.stdout, finished.stderr) == ("", "")

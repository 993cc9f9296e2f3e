import subprocess
import sys

import pytest
from fakes import install_distribution

from fdp_bench.api import PluginError, Policy, SpecError
from fdp_bench.plugins import load_policy, load_shift, policy_plugins, shift_plugins


@pytest.fixture
def install(tmp_path, monkeypatch):
    def write(name, *, policies=None, shifts=None):
        install_distribution(tmp_path, name, policies=policies or {}, shifts=shifts or {})
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    return write


def test_the_built_in_plugins_come_through_entry_points():
    assert {"fdp", "dp-dit", "base"} <= {*policy_plugins()}
    assert {"occlusion", "color", "distractors"} <= {*shift_plugins()}
    assert policy_plugins()["fdp"].distribution == "fdp-bench"


def test_another_distributions_plugins_are_found_and_loaded(install):
    install(
        "somebodys-policies", policies={"watcher": "fake_policies:Watcher"}, shifts={"dim": "fake_shifts:Dim"}
    )

    assert policy_plugins()["watcher"].distribution == "somebodys-policies"
    assert policy_plugins()["watcher"].version == "1.0"
    assert issubclass(load_policy("watcher"), Policy)
    assert load_shift("dim").name == "dim"


def test_listing_names_imports_no_plugin(install):
    folder = install("explosive", policies={"bomb": "bomb_module:Bomb"})
    (folder / "bomb_module.py").write_text("raise RuntimeError('imported')")
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from fdp_bench.plugins import policy_plugins, shift_plugins\n"
        "assert 'bomb' in policy_plugins() and shift_plugins()\n"
        "assert not {name for name in sys.modules if name.startswith(('fdp_policies', 'fdp_shifts', 'torch'))}"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_duplicate_name_names_both_distributions(install):
    install("first-claim", policies={"mine": "fake_policies:Watcher"})
    install("second-claim", policies={"mine": "fake_policies:Blind"})

    with pytest.raises(PluginError, match="claimed by two") as caught:
        policy_plugins()

    assert "'first-claim'" in str(caught.value)
    assert "'second-claim'" in str(caught.value)


def test_a_broken_plugin_is_listed_as_broken_and_raises_its_own_error_in_a_chain(install):
    folder = install("broken", shifts={"torn": "torn_module:Torn"})
    (folder / "torn_module.py").write_text("raise ZeroDivisionError('torn apart')")

    assert "torn apart" in shift_plugins()["torn"].problem()
    assert shift_plugins()["occlusion"].name == "occlusion"
    with pytest.raises(PluginError, match="distribution 'broken'") as caught:
        load_shift("torn")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("target", ["fakes:Nothing", "fake_tasks:BARE_TASK", "fake_shifts:Dim"])
def test_what_is_no_policy_is_refused(install, target):
    install("odd", policies={"odd": target})

    with pytest.raises(PluginError, match=r"no subclass of fdp_bench\.api\.Policy"):
        load_policy("odd")


def test_a_shift_must_bear_its_entry_points_name(install):
    install("renamed", shifts={"gloom": "fake_shifts:Dim"})

    with pytest.raises(PluginError, match="calls itself 'dim'"):
        load_shift("gloom")


def test_a_working_plugin_has_no_problem(install):
    install("fine", policies={"watcher": "fake_policies:Watcher"})

    assert policy_plugins()["watcher"].problem() == ""


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'occlusion'"):
        load_shift("oclusion")

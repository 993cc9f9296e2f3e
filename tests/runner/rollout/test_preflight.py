import pytest
from fake_policies import Watcher
from fake_tasks import BARE_TASK, Bare

from fdp_bench.api import CheckpointError, PluginError, SpecError, UnsupportedShiftError
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import PreflightRequest, check
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


def resolve(policies, shifts=(), task=TOY_TASK):
    return check(Lane(task, "fast"), PreflightRequest(tuple(policies), tuple(shifts), "cpu"))


def test_two_spellings_of_a_policy_are_one():
    report = resolve(["seeker:prop", "seeker:prop>vision", "seeker:vision"])

    assert [policy.spec for policy in report.policies] == ["seeker:prop>vision", "seeker:vision>prop"]


def test_two_spellings_of_a_shift_are_one_and_clean_runs_anyway():
    report = resolve(["blind"], ["dim", "dim@3?how=evenly", "clean", "dim@0.60", "dim@4"])

    assert report.shifts == ("dim@3", "dim@4")


def test_the_report_names_every_plugins_distribution():
    report = resolve(["blind"], ["dim+color"])

    assert [(plugin["kind"], plugin["name"], plugin["distribution"]) for plugin in report.plugins] == [
        ("policy", "blind", "fdp-bench-fakes"),
        ("shift", "dim", "fdp-bench-fakes"),
        ("shift", "color", "fdp-bench"),
    ]


def test_missing_weights_are_found_with_the_training_command():
    with pytest.raises(CheckpointError, match="fdp-bench train --policy untrained"):
        resolve(["blind", "untrained"])


def test_an_order_or_option_that_the_policy_does_not_know_is_found():
    with pytest.raises(SpecError, match="no option 'speed'"):
        resolve(["picky?speed=3"])
    with pytest.raises(SpecError, match="unknown modality 'tactile'"):
        resolve(["seeker:prop>tactile"])


def test_a_policy_that_cannot_be_built_is_found_with_its_own_error():
    with pytest.raises(
        PluginError, match="'misbuilt' cannot be built: FloatingPointError: bad build"
    ) as caught:
        resolve(["misbuilt"])

    assert isinstance(caught.value.__cause__, FloatingPointError)


def test_a_policy_whose_modality_the_task_lacks_is_found():
    with pytest.raises(SpecError, match="reads modality 'vision'"):
        resolve(["watcher"], task=BARE_TASK)


def test_a_policy_without_a_whole_chunk_is_found(monkeypatch):
    monkeypatch.setattr(Watcher, "n_action_steps", 0)

    with pytest.raises(PluginError, match="n_action_steps = 0"):
        resolve(["watcher"])


def test_a_shift_that_the_task_cannot_have_is_found():
    with pytest.raises(UnsupportedShiftError, match="darken the night"):
        resolve(["blind"], ["dim@1", "dim@1?how=unsupported"])


def test_a_scene_shift_on_a_task_without_scene_is_found():
    with pytest.raises(UnsupportedShiftError, match="offers none"):
        resolve(["pusher"], ["repaint"], task=BARE_TASK)


def test_a_task_that_does_not_tell_success_is_found(monkeypatch):
    step = Bare.step
    monkeypatch.setattr(Bare, "step", lambda env, action: (*step(env, action)[:4], {}))

    with pytest.raises(SpecError, match=r"no info\['success'\]"):
        resolve(["pusher"], task=BARE_TASK)


def test_a_task_that_fails_on_its_first_step_is_found(monkeypatch):
    monkeypatch.delattr(Bare, "_observe")

    with pytest.raises(PluginError, match="fails on its first step: AttributeError"):
        resolve(["pusher"], task=BARE_TASK)

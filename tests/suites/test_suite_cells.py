from dataclasses import replace

import pytest

from fdp_bench.api import SpecError
from fdp_bench.suites.cells import filtered, plan_cells, short_task
from fdp_bench.suites.load import load_suite
from fdp_bench.toy import TOY_TASK

LIFT = "fdp_bench/Lift-v1"


def no_windows(task, demos):
    raise AssertionError("nobody asked for epochs")


def seventy_an_epoch(task, demos):
    assert (task, demos) == (LIFT, 100)
    return 70 * 64


def test_sizes_seeds_and_policies_are_crossed():
    suite = replace(load_suite("data-efficiency"), train_seeds=(0, 1))

    cells = plan_cells(suite, no_windows)

    assert len(cells) == 3 * 2 * 5
    assert cells[0].label == "demos10-seed0"
    assert cells[0].settings == {"recipe": "fair", "steps": "7000", "num_demos": "10", "seed": "0"}
    assert (cells[-1].policy, cells[-1].label) == ("fdp:prop>vision?guard=on", "demos50-seed1")


def test_a_variant_shows_in_the_label_and_in_the_settings():
    cells = plan_cells(load_suite("ablations"), no_windows)

    assert len(cells) == 3 * (4 + 3)
    assert cells[0].label == "demos100-seed0-plain"
    loose = next(cell for cell in cells if cell.variant == "unfrozen")
    assert loose.label == "demos100-seed0-unfrozen"
    assert loose.settings["freeze_base"] == "false"


def test_only_some_tasks_and_training_seeds():
    suite = filtered(load_suite("paper"), [], [], tasks=["Door"], train_seeds=[2, 0])

    assert (suite.tasks, suite.train_seeds) == (("fdp_bench/Door-v1",), (0, 2))
    with pytest.raises(SpecError, match="no task 'Dor'; valid: fdp_bench/Door-v1"):
        filtered(suite, [], [], tasks=["Dor"])
    with pytest.raises(SpecError, match="no training seed 3; it has 0, 2"):
        filtered(suite, [], [], train_seeds=[3])


def test_epochs_become_gradient_steps():
    cells = {
        cell.variant: cell.settings for cell in plan_cells(load_suite("base-duration"), seventy_an_epoch)
    }

    assert cells["epochs300"]["base_steps"] == "21000"
    assert cells["epochs700"]["base_steps"] == "49000"
    assert cells["steps3500"]["base_steps"] == "3500"
    assert not any("epochs" in key for settings in cells.values() for key in settings)


def test_a_budget_scales_every_number_of_steps_and_shows_in_the_variant():
    cells = plan_cells(load_suite("base-duration"), seventy_an_epoch, steps=700)

    settings = {cell.variant: cell.settings for cell in cells}
    assert settings["epochs300-steps700"]["base_steps"] == "2100"
    assert settings["steps15000-steps700"]["base_steps"] == "1500"
    assert settings["epochs300-steps700"]["steps"] == "700"


def test_the_suites_own_budget_changes_nothing():
    suite = load_suite("robustness")

    assert plan_cells(suite, no_windows, steps=7000) == plan_cells(suite, no_windows)


def test_epochs_need_a_batch_size(write_suite):
    path = write_suite("[variants.long]\nbase_epochs = 3", policies='["fdp:prop>vision"]', tasks='["Lift"]')

    with pytest.raises(
        SpecError,
        match=r"my-suite.toml: key 'training' with variant 'long': batch_size = '' .* need batch_size",
    ):
        plan_cells(load_suite(str(path)), seventy_an_epoch)


def test_two_spellings_of_a_policy_are_one_cell(write_suite):
    path = write_suite(policies='["fdp:prop", "fdp:prop>vision"]', tasks='["Lift"]')

    assert [cell.policy for cell in plan_cells(load_suite(str(path)), no_windows)] == ["fdp:prop>vision"]


def test_a_policy_without_a_training_runs_once_whatever_the_sizes(write_suite, learning):
    path = write_suite("demos = [1, 2]", policies='["steady", "learner"]')

    cells = plan_cells(load_suite(str(path)), no_windows)

    assert [(cell.policy, cell.label) for cell in cells] == [
        ("steady", "untrained"),
        ("learner", "demos1-seed0"),
        ("learner", "demos2-seed0"),
    ]


def test_a_variant_is_trained_for_its_policies_alone(write_suite):
    path = write_suite(
        "[variants.a]\n[variants.b]\npolicies = ['dp-dit']",
        policies='["dp-dit", "base:prop"]',
        tasks='["Lift"]',
    )

    cells = plan_cells(load_suite(str(path)), no_windows)

    assert [(cell.variant, cell.policy) for cell in cells] == [
        ("a", "dp-dit"),
        ("a", "base:prop"),
        ("b", "dp-dit"),
    ]


def test_filters_keep_names_and_whole_strings():
    suite = load_suite("robustness")

    part = filtered(suite, ["fdp"], ["color", "occlusion@5"])

    assert part.policies == ("fdp:prop>vision", "fdp:vision>prop")
    assert part.shifts == ("occlusion@5", "color@1", "color@2", "color@3", "color@4", "color@5")
    assert filtered(suite, [], []) == suite


@pytest.mark.parametrize(("policies", "shifts"), [(["dp-dt"], []), ([], ["colr"]), ([], ["color@6"])])
def test_a_filter_that_meets_nothing_is_answered_with_the_nearest(policies, shifts):
    with pytest.raises(SpecError, match="did you mean"):
        filtered(load_suite("robustness"), policies, shifts)


def test_a_filter_leaves_out_the_variants_of_other_policies(write_suite):
    path = write_suite(
        "[variants.a]\npolicies = ['base:prop']\n[variants.b]",
        policies='["dp-dit", "base:prop"]',
        tasks='["Lift"]',
    )

    part = filtered(load_suite(str(path)), ["dp-dit"], [])

    assert [variant.name for variant in part.variants] == ["b"]


def test_tasks_have_short_names_for_folders():
    assert short_task(LIFT) == "Lift"
    assert short_task(TOY_TASK) == "Toy-v0"

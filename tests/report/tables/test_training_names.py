from fake_records import arm
from fake_sweeps import trained_arm

from fdp_bench.api import Training
from fdp_bench.report.names import recipe_of
from fdp_bench.report.tables.trainings import (
    DEMOS,
    SEED,
    are_compared,
    find_trainings,
    name_policies,
    name_series,
    tasks_of,
)


def names_of(*arms):
    return list(name_policies(find_trainings([record for of in arms for record in of])).values())


def test_the_checkpoints_path_is_no_part_of_a_recipe():
    assert (
        recipe_of("fdp:prop>vision@a/b.safetensors?composition=score") == "fdp:prop>vision?composition=score"
    )
    assert recipe_of("dp-dit@a/b.safetensors") == "dp-dit"


def test_a_policy_trained_once_is_called_by_its_recipe():
    assert names_of(trained_arm(1, demos=10, seed=0), arm("+", policy="other")) == ["dp-dit", "other"]


def test_trainings_are_told_apart_by_what_differs_and_by_nothing_else():
    arms = [trained_arm(1, demos=demos, seed=0) for demos in (10, 25)]
    assert names_of(*arms) == ["dp-dit, 10 demos", "dp-dit, 25 demos"]
    arms = [trained_arm(1, demos=10, seed=0, variant=variant) for variant in ("", "zero_init=false")]
    assert names_of(*arms) == ["dp-dit", "dp-dit, zero_init=false"]


def test_trainings_that_differ_in_nothing_known_are_told_apart_by_their_hash():
    assert names_of(arm("+", checkpoint="aa" * 32), arm("+", checkpoint="bb" * 32)) == [
        "dp-dit #aaaaaaaa",
        "dp-dit #bbbbbbbb",
    ]


def test_seeds_and_sizes_share_a_series_only_where_they_are_known():
    records = [record for seed in (0, 1) for record in trained_arm(1, demos=10, seed=seed)]
    assert set(name_series(find_trainings(records), pooled=(SEED, DEMOS)).values()) == {"dp-dit"}
    unknown = arm("+", checkpoint="aa" * 32) + arm("+", checkpoint="bb" * 32)
    assert len(set(name_series(find_trainings(unknown)).values())) == 2


def test_other_sizes_seeds_and_crossed_variants_are_not_compared():
    def compared(first, second):
        trainings = find_trainings(trained_arm(1, **first) + trained_arm(1, **second))
        return are_compared(*trainings, trainings)

    base = {"demos": 10, "seed": 0}
    assert compared(base, base | {"policy": "other"})
    assert not compared(base, base | {"policy": "other", "demos": 25})
    assert not compared(base, base | {"seed": 1})
    assert compared(base, base | {"variant": "a=1"})
    assert not compared(base | {"variant": "a=2"}, base | {"variant": "a=1"})
    assert not compared(base, base | {"policy": "other", "variant": "a=1"})
    assert compared(base, {"policy": "unknown"})


def test_variants_are_named_by_the_settings_in_which_they_differ():
    trainings = {
        ("dp-dit@a", "aa"): Training(10, 0, "steps=700"),
        ("dp-dit@b", "bb"): Training(10, 0, "learning_rate=0.1,steps=700"),
    }

    assert list(name_policies(trainings).values()) == ["dp-dit", "dp-dit, learning_rate=0.1"]


def test_policies_of_different_tasks_may_share_a_name():
    records = [
        record
        for task, letter in (("fdp_bench/Lift-v1", "a"), ("fdp_bench/LiftWide-v1", "b"))
        for record in arm("+", task=task, checkpoint=letter * 64)
    ]
    assert set(name_policies(find_trainings(records), tasks_of(records)).values()) == {"dp-dit"}
    assert set(name_policies(find_trainings(records)).values()) == {"dp-dit #aaaaaaaa", "dp-dit #bbbbbbbb"}


def named(records, **options):
    trainings = find_trainings(records)
    names = (
        name_series(trainings, tasks_of(records), **options)
        if options
        else name_policies(trainings, tasks_of(records))
    )
    tasks = {(record.spec.policy, record.spec.checkpoint): record.spec.task for record in records}
    return sorted((tasks[key], name) for key, name in names.items())


def test_what_differs_from_task_to_task_alone_is_in_no_name():
    records = trained_arm(1, demos=100, seed=0, task="Lift")
    records += trained_arm(1, demos=180, seed=1, variant="steps=10000", task="Can")
    assert named(records) == [("Can", "dp-dit"), ("Lift", "dp-dit")]
    assert named(records, pooled=(SEED, DEMOS)) == [("Can", "dp-dit"), ("Lift", "dp-dit")]


def test_what_differs_within_a_task_is_named_on_all():
    records = trained_arm(1, demos=100, seed=0, task="Lift") + trained_arm(1, demos=25, seed=0, task="Lift")
    records += trained_arm(1, demos=180, seed=0, task="Can")
    assert named(records) == [
        ("Can", "dp-dit, 180 demos"),
        ("Lift", "dp-dit, 100 demos"),
        ("Lift", "dp-dit, 25 demos"),
    ]


def test_a_setting_that_all_variants_of_a_task_share_tells_nobody_apart():
    records = trained_arm(1, demos=100, seed=0, task="Lift")
    records += trained_arm(1, demos=100, seed=0, variant="zero_init=false", task="Lift")
    records += trained_arm(1, demos=100, seed=0, variant="steps=10000", task="Can")
    assert [name for _, name in named(records)] == ["dp-dit", "dp-dit", "dp-dit, zero_init=false"]

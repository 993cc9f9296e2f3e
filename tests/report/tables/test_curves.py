import math

import pytest
from fake_records import twin_arms
from fake_sweeps import severity_records, trained_arm

from fdp_bench.report.tables.curves import ablation_table, efficiency_table, severity_table, surface_table
from fdp_bench.report.tables.orders import are_reversed, order_table
from fdp_bench.report.tables.severity_auc import area_layout, area_table
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.tables.trainings import find_trainings
from fdp_bench.stats import severity_area, wilson_interval


def table(make, records):
    return make(summarize(records), find_trainings(records))


def test_a_severity_curve_starts_with_the_clean_arm_at_level_0():
    curve = table(severity_table, severity_records({0: 10, 1: 8, 5: 2}))
    assert curve["level"].tolist() == [0.0, 1.0, 5.0]
    assert curve["success_rate"].tolist() == [1.0, 0.8, 0.2]
    assert set(curve["shift"]) == {"occlusion"}


def test_points_of_one_training_carry_wilsons_interval():
    point = table(severity_table, severity_records({0: 10, 1: 8, 5: 2})).iloc[1]
    assert (point["low"], point["high"]) == pytest.approx(wilson_interval(8, 10))
    assert point["interval"] == "Wilson"
    assert math.isnan(point["train_demos"])


def test_the_clean_arm_stands_on_the_curve_of_each_shift_of_its_own_task():
    records = severity_records({0: 10, 1: 8, 5: 2}, task="fdp_bench/Lift-v1")
    records += severity_records({1: 7, 5: 1}, shift="color", task="fdp_bench/Lift-v1")
    records += severity_records({0: 5, 1: 5, 5: 5}, shift="fog", task="fdp_bench/LiftWide-v1")
    clean = table(severity_table, records).query("level == 0")
    assert sorted(zip(clean["shift"], clean["success_rate"], strict=True)) == [
        ("color", 1.0),
        ("fog", 0.5),
        ("occlusion", 1.0),
    ]


def test_one_severity_is_no_curve():
    assert table(severity_table, twin_arms("++", "+-")).empty


def test_three_training_seeds_give_their_mean_and_range_and_each_of_them():
    records = [
        record
        for demos in (10, 25)
        for seed, successes in enumerate((2, 5, 8))
        for record in trained_arm(successes, demos=demos, seed=seed)
    ]
    point = table(efficiency_table, records).iloc[0]
    assert point["interval"] == "range of seeds"
    assert (point["train_seeds"], point["episodes"], point["success_rate"]) == (3, 30, 0.5)
    assert (point["low"], point["high"]) == (0.2, 0.8)
    assert point["seed_rates"] == (0.2, 0.5, 0.8)


def test_two_training_seeds_are_pooled_under_wilsons_interval():
    records = [
        record for demos in (10, 25) for seed in (0, 1) for record in trained_arm(5, demos=demos, seed=seed)
    ]
    point = table(efficiency_table, records).iloc[0]
    assert (point["train_seeds"], point["interval"]) == (2, "Wilson")
    assert (point["low"], point["high"]) == pytest.approx(wilson_interval(10, 20))


def test_data_efficiency_needs_two_sizes_and_known_ones():
    assert table(efficiency_table, trained_arm(5, demos=10, seed=0)).empty
    assert table(efficiency_table, trained_arm(5) + trained_arm(5, policy="other")).empty
    sizes = table(efficiency_table, trained_arm(5, demos=10, seed=0) + trained_arm(9, demos=100, seed=0))
    assert sizes["train_demos"].tolist() == [10, 100]
    assert set(sizes["series"]) == {"dp-dit"}


def test_the_surface_needs_sizes_and_severities():
    one_size = severity_records({0: 10, 1: 8, 5: 2}, demos=10, seed=0)
    assert table(surface_table, one_size).empty
    both = one_size + severity_records({0: 10, 1: 9, 5: 6}, demos=100, seed=0)
    cells = table(surface_table, both)
    assert sorted(zip(cells["train_demos"], cells["level"], strict=True)) == [
        (demos, level) for demos in (10, 100) for level in (0.0, 1.0, 5.0)
    ]


def test_ablations_are_variants_of_one_policy_and_not_two_policies():
    base = trained_arm(5, demos=10, seed=0)
    assert table(ablation_table, base + trained_arm(5, policy="other", demos=10, seed=0)).empty
    variants = table(ablation_table, base + trained_arm(2, demos=10, seed=0, variant="zero_init=false"))
    assert variants["variant"].tolist() == ["dp-dit", "dp-dit, zero_init=false"]
    options = table(ablation_table, base + trained_arm(2, policy="dp-dit?width=184", demos=10, seed=0))
    assert options["variant"].tolist() == ["dp-dit", "dp-dit?width=184"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("fdp:prop>vision", "fdp:vision>prop", True),
        ("fdp:prop>vision?composition=score", "fdp:vision>prop?composition=score", True),
        ("fdp:prop>vision?composition=score", "fdp:vision>prop", False),
        ("fdp:prop>vision", "fdp:prop>vision", False),
        ("fdp:prop>vision", "fdp:tactile>prop", False),
        ("dp-dit", "dp-dit", False),
    ],
)
def test_orders_are_compared_with_their_reverse(first, second, expected):
    assert are_reversed(first, second) is expected


def test_the_order_table_is_the_part_of_the_comparison_that_swaps_an_order():
    records = [
        record
        for policy in ("fdp:prop>vision", "fdp:vision>prop", "dp-dit")
        for record in twin_arms("++++", "++--", policy=policy)
    ]
    comparison = compare_policies(records)
    orders = order_table(summarize(records), comparison)
    assert len(comparison) == 6
    assert orders["shift"].tolist() == ["clean", "occlusion@3"]
    assert set(orders["policy_a"]) == {"fdp:prop>vision"}


def test_areas_are_those_of_the_episodes_outcomes_and_their_difference():
    first = severity_records({0: 10, 1: 8, 5: 2}, policy="a")
    second = severity_records({0: 10, 1: 4, 5: 1}, policy="b")
    areas = area_table(first + second)
    assert areas["against"].tolist() == ["", "", "b"]
    outcomes = [[index < successes for successes in (10, 8, 2)] for index in range(10)]
    assert areas.iloc[0]["area"] == pytest.approx(severity_area(outcomes, [0.0, 0.2, 1.0]).value)
    assert areas.iloc[2]["area"] == pytest.approx(areas.iloc[0]["area"] - areas.iloc[1]["area"])
    assert len(area_layout(areas).rows) == 3


def test_areas_leave_out_episodes_that_lack_a_level_and_shifts_at_one_severity():
    records = severity_records({0: 10, 1: 8, 5: 2})
    last = [record for record in records if record.spec.index == 9 and record.spec.severity == 1.0]
    areas = area_table([record for record in records if record not in last])
    assert areas["episodes"].tolist() == [9]
    assert area_table(twin_arms("++", "+-")).empty


def test_a_recipe_trained_with_other_settings_for_another_task_is_no_variant_of_itself():
    records = trained_arm(5, demos=10, seed=0, task="Lift")
    records += trained_arm(5, demos=10, seed=0, variant="steps=10000", task="Can")
    assert table(ablation_table, records).empty

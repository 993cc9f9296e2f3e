import math

import pytest
from fake_records import arm, twin_arms
from fake_sweeps import SAFETY, with_safety

from fdp_bench.report.tables.effects import effect_layouts, effect_table
from fdp_bench.report.tables.safety import (
    MIN_PAIRS,
    safety_comparison,
    safety_comparison_layouts,
    safety_layouts,
    safety_table,
)


def test_a_shifted_arms_difference_is_the_mean_over_the_same_episodes():
    records = with_safety(twin_arms("+" * 12, "-" * 12), *([1.0] * 12), *range(12))
    clean, shifted = (row for _, row in safety_table(records).query("figure == 'action_jerk'").iterrows())
    assert math.isnan(clean["difference"])
    assert (shifted["mean"], shifted["pairs"], shifted["difference"]) == (5.5, 12, 4.5)
    assert shifted["difference_low"] < 4.5 < shifted["difference_high"]
    # Student's interval of 0..11 is 2.3 to either side; the bootstrap's must be of that size.
    assert shifted["difference_high"] - shifted["difference_low"] == pytest.approx(4.0, abs=1.0)


def test_the_interval_is_the_same_each_time_and_missing_for_a_few_pairs():
    records = with_safety(twin_arms("+" * 12, "-" * 12), *([1.0] * 12), *range(12))
    assert safety_table(records).equals(safety_table(records))
    few = with_safety(twin_arms("+" * 9, "-" * 9), *([1.0] * 9), *range(9))
    row = safety_table(few).iloc[-1]
    assert len(few) == 2 * (MIN_PAIRS - 1)
    assert row["difference"] == 3.0
    assert math.isnan(row["difference_low"])


def test_episodes_that_ended_in_an_error_have_no_safety_figures():
    records = with_safety(arm("+!"), 1.0, 99.0)
    row = safety_table(records).iloc[0]
    assert (row["episodes"], row["mean"]) == (1, 1.0)


def test_records_without_figures_give_an_empty_table_and_no_layout():
    table = safety_table(twin_arms("++", "+-"))
    assert table.empty
    assert safety_layouts(table) == []


def test_policies_are_compared_under_the_same_shift_alone():
    records = with_safety(twin_arms("+", "-", policy="a"), 1.0, 2.0)
    records += with_safety(twin_arms("+", "-", policy="b"), 5.0, 9.0)
    table = safety_comparison(records)
    assert table["figure"].unique().tolist() == list(SAFETY)
    assert table.query("figure == 'action_jerk'")["difference"].tolist() == [-4.0, -7.0]
    assert table.query("figure == 'action_jerk'")["shift"].tolist() == ["clean", "occlusion@3"]


def test_figures_stand_side_by_side_with_their_units():
    records = with_safety(twin_arms("+" * 12, "-" * 12), *([1.0] * 12), *range(12))
    (layout,) = safety_layouts(safety_table(records))
    assert [header for header in layout.headers if ", " in header] == [
        "peak force, N",
        "peak speed, rad/s",
        "jerk, /step²",
    ]
    assert len(layout.rows) == 2
    assert str(layout.rows[1][5]).startswith("+4.5 [+")
    assert safety_comparison_layouts(safety_comparison(records)) == []


def receipt(change: float, hidden: float | None = None, **more: object) -> dict[str, object]:
    hidden_by_camera = {} if hidden is None else {"image.front": hidden}
    return {
        "shift": "occlusion@3",
        "pixel_change": {"image.front": change},
        "target_hidden": hidden_by_camera,
    } | more


def shifted_with(*receipts: dict[str, object], **options: object):
    from dataclasses import replace

    records = arm("+" * len(receipts), shift="occlusion@3", severity=0.6, **options)
    return [replace(record, receipt=told) for record, told in zip(records, receipts, strict=True)]


def test_a_shifts_effect_is_the_mean_of_its_receipts_with_each_episode_counted_once():
    records = shifted_with(receipt(10.0, 0.5), receipt(20.0, 1.0))
    row = effect_table(records + shifted_with(receipt(10.0, 0.5), receipt(20.0, 1.0), policy="b")).iloc[0]
    assert (row["episodes"], row["pixel_change"], row["target_hidden"]) == (2, 15.0, 0.75)
    assert math.isnan(row["gripper_hidden"])


def test_shifts_that_act_together_are_told_apart():
    whole = {"shift": "color@3+occlusion@3", "parts": [receipt(10.0), receipt(5.0, shift="color@3")]}
    table = effect_table(shifted_with(whole))
    assert table["shift"].tolist() == ["color@3 within occlusion@3", "occlusion@3 within occlusion@3"]
    assert effect_layouts(effect_table(arm("++"))) == []

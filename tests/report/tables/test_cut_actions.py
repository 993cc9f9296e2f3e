from dataclasses import replace

import pytest
from fake_records import arm, twin_arms

from fdp_bench.report.tables.cut_actions import cut_notes
from fdp_bench.report.tables.summary import summarize
from fdp_bench.report.text.terminal import terminal_table


def cut(records, *shares):
    return [replace(record, actions_cut=share) for record, share in zip(records, shares, strict=True)]


def test_the_share_of_an_arm_weighs_episodes_by_their_steps():
    short, long = cut(arm("++"), 0.5, 0.1)
    row = summarize([replace(short, steps=10), replace(long, steps=30)]).iloc[0]

    assert row["actions_cut"] == pytest.approx((10 * 0.5 + 30 * 0.1) / 40)


def test_records_that_counted_nothing_are_left_out():
    assert summarize(cut(arm("++"), None, 0.3)).iloc[0]["actions_cut"] == 0.3
    assert summarize(arm("+")).isna().iloc[0]["actions_cut"]


def test_a_table_names_who_is_cut_in_more_than_a_hundredth():
    records = cut(twin_arms("+", "-"), 0.02, 0.75) + cut(arm("+", policy="bc"), 0.01)

    (note,) = cut_notes(summarize(records).to_dict("records"))

    assert "dp-dit 75%" in note
    assert "bc" not in note
    assert note in " ".join(terminal_table(summarize(records)).split())


def test_a_table_of_records_that_counted_nothing_says_nothing():
    assert cut_notes(summarize(arm("++")).to_dict("records")) == []

import math
from dataclasses import replace

import pytest
from fake_records import LIFT, arm, record, twin_arms

from fdp_bench.report.tables.summary import COMPARISON_COLUMNS, SUMMARY_COLUMNS, compare_policies, summarize
from fdp_bench.stats import PairedCounts, exact_mcnemar, paired_difference_interval, wilson_interval


def test_each_arm_gets_one_row_clean_before_shifted() -> None:
    records = twin_arms("++", "+-", shift="occlusion@3") + arm("--", shift="color@1", severity=0.2)
    summary = summarize(records)
    assert summary.columns.tolist() == list(SUMMARY_COLUMNS)
    assert summary["shift"].tolist() == ["clean", "color@1", "occlusion@3"]
    assert summary["successes"].tolist() == [2, 0, 1]


def test_severities_are_sorted_by_size() -> None:
    shifts = [("occlusion@5", 1.0), ("occlusion@0.05", 0.05), ("occlusion@1", 0.2)]
    records = [record(0, success=True, shift=shift, severity=severity) for shift, severity in shifts]
    assert summarize(records)["severity"].tolist() == [0.05, 0.2, 1.0]


def test_success_rate_carries_the_wilson_interval() -> None:
    row = summarize(arm("+++-+++-++")).iloc[0]
    assert row["success_rate"] == 0.8
    assert (row["success_low"], row["success_high"]) == pytest.approx(wilson_interval(8, 10))


def test_an_error_counts_as_a_failure_whatever_else_its_record_says() -> None:
    records = [record(0, success=True), record(1, success=True, held=True, status="error")]
    row = summarize(records).iloc[0]
    assert (row["successes"], row["success_rate"], row["success_held_rate"], row["errors"]) == (
        1,
        0.5,
        0.5,
        1,
    )


def test_success_held_is_reported_apart_from_success_once() -> None:
    records = [record(0, success=True, held=False), record(1, success=True), record(2, success=False)]
    row = summarize(records).iloc[0]
    assert (row["success_rate"], row["success_held_rate"]) == pytest.approx((2 / 3, 1 / 3))


def test_drop_is_clean_minus_shifted_on_the_same_episodes() -> None:
    row = summarize(twin_arms(clean="+++++---", shifted="++---+--")).iloc[1]
    counts = PairedCounts(both=2, only_first=3, only_second=1, neither=2)
    assert row["paired_drop"] == pytest.approx(0.25)
    low, high = row["paired_drop_low"], row["paired_drop_high"]
    assert (low, high) == pytest.approx(paired_difference_interval(counts))
    assert row["mcnemar_p"] == pytest.approx(exact_mcnemar(counts))


def test_episodes_are_paired_by_index_and_not_by_their_order() -> None:
    clean = arm("+++---")
    shifted = arm("+++---", shift="occlusion@3", severity=0.6)
    row = summarize(clean + shifted[::-1]).iloc[1]
    assert row["mcnemar_p"] == 1.0
    low, high = row["paired_drop_low"], row["paired_drop_high"]
    assert (low, high) == pytest.approx(paired_difference_interval(PairedCounts(3, 0, 0, 3)))


def test_episodes_of_different_run_seeds_are_not_paired() -> None:
    records = arm("++", run_seed=0) + arm("--", run_seed=1, shift="occlusion@3", severity=0.6)
    row = summarize(records).iloc[1]
    assert row["pairs"] == 0
    assert math.isnan(row["paired_drop"])
    assert math.isnan(row["mcnemar_p_holm"])


def test_clean_rate_and_drop_leave_out_episodes_without_a_twin() -> None:
    row = summarize(twin_arms(clean="+-", shifted="-+++")).iloc[1]
    assert (row["episodes"], row["pairs"], row["clean_rate"], row["paired_drop"]) == (4, 2, 0.5, 0.0)
    assert row["success_rate"] == 0.75


def test_two_checkpoints_of_one_policy_are_two_arms() -> None:
    records = twin_arms("++", "+-", checkpoint="aa" * 32) + twin_arms("+-", "--", checkpoint="bb" * 32)
    summary = summarize(records)
    assert summary["episodes"].tolist() == [2, 2, 2, 2]
    assert summary["clean_rate"].tolist()[2:] == [1.0, 0.5]


def test_clean_rows_have_no_drop_and_no_test() -> None:
    row = summarize(twin_arms("+-", "+-")).iloc[0]
    assert all(math.isnan(row[name]) for name in ("clean_rate", "paired_drop", "mcnemar_p", "mcnemar_p_holm"))


def test_holm_adjusts_over_the_shifted_rows_of_the_table() -> None:
    records = twin_arms("+" * 12, "-" * 12, policy="a") + twin_arms("+" * 12, "-" * 12, policy="b")
    shifted = summarize(records).iloc[2:]
    assert shifted["mcnemar_p_holm"].tolist() == pytest.approx((2 * shifted["mcnemar_p"]).tolist())


def test_latency_percentiles_pool_the_arms_episodes() -> None:
    records = [record(0, success=True, latency_ms=(10.0, 20.0)), record(1, success=True, latency_ms=(30.0,))]
    row = summarize(records).iloc[0]
    assert (row["inference_p50_ms"], row["inference_p95_ms"]) == pytest.approx((20.0, 29.0))


def test_a_probes_latencies_replace_those_of_the_records() -> None:
    records = arm("+", latency_ms=(99.0,)) + arm("+", policy="other", latency_ms=(99.0,))
    summary = summarize(records, latency_ms={(LIFT, "dp-dit"): [4.0, 4.0]})
    assert summary["inference_p50_ms"].tolist() == [4.0, 99.0]
    assert summary["inference_source"].tolist() == ["probe", "batch"]


def test_an_episode_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        summarize(arm("+") + arm("-"))


def test_no_records_give_an_empty_table() -> None:
    assert summarize([]).empty
    assert compare_policies([]).empty


def test_policies_are_compared_on_common_episodes_under_the_same_shift() -> None:
    records = twin_arms("++++", "+++-", policy="a") + twin_arms("+++", "---", policy="b")
    table = compare_policies(records)
    assert table.columns.tolist() == list(COMPARISON_COLUMNS)
    assert table["shift"].tolist() == ["clean", "occlusion@3"]
    row = table.iloc[1]
    assert (row["policy_a"], row["policy_b"], row["pairs"]) == ("a", "b", 3)
    assert (row["rate_a"], row["rate_b"], row["difference"]) == (1.0, 0.0, 1.0)
    low, high = row["difference_low"], row["difference_high"]
    assert (low, high) == pytest.approx(paired_difference_interval(PairedCounts(0, 3, 0, 0)))


def test_comparison_names_checkpoints_where_a_policy_comes_with_several() -> None:
    records = arm("++", checkpoint="aa" * 32) + arm("+-", checkpoint="bb" * 32)
    row = compare_policies(records).iloc[0]
    assert (row["policy_a"], row["policy_b"]) == ("dp-dit #aaaaaaaa", "dp-dit #bbbbbbbb")


def test_comparison_is_holm_adjusted_over_all_its_rows() -> None:
    records = twin_arms("+" * 12, "-" * 12, policy="a") + twin_arms("-" * 12, "+" * 12, policy="b")
    table = compare_policies(records)
    assert table["mcnemar_p_holm"].tolist() == pytest.approx((2 * table["mcnemar_p"]).tolist())


def test_shares_of_a_fallback_are_means_over_episodes_and_those_of_other_policies_unknown() -> None:
    shares = (0.0, 0.5, 0.25, 0.0)
    guarded = [
        replace(each, fallback_share=share)
        for each, share in zip(arm("++++", policy="g"), shares, strict=True)
    ]
    first, second = summarize([*guarded, *arm("++", policy="p")]).to_dict("records")
    assert (first["fallback_share"], first["fallback_episodes"]) == (0.1875, 0.5)
    assert math.isnan(second["fallback_share"])
    assert math.isnan(second["fallback_episodes"])

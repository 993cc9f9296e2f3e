from fake_records import arm, twin_arms
from fake_sweeps import severity_records, trained_arm

from fdp_bench.report.tables.findings import findings
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.tables.trainings import find_trainings


def found(records):
    return findings(summarize(records), compare_policies(records), find_trainings(records))


def test_a_lead_is_claimed_with_its_interval_where_the_adjusted_test_finds_it():
    records = twin_arms("+" * 40, "+" * 40, policy="a") + twin_arms("+" * 40, "-" * 40, policy="b")
    clean, shifted = found(records)
    assert clean.where == "no shift"
    assert clean.verdict == "No difference between them."
    assert shifted.where == "occlusion, level 3"
    assert shifted.rates == (("a", "100%"), ("b", "0%"))
    assert shifted.verdict.startswith("a is 100 points ahead of b on the same episodes (95% interval 8")


def test_no_lead_is_claimed_where_the_adjusted_test_finds_none():
    records = arm("++++++++++", policy="a") + arm("+++++++---", policy="b")
    (only,) = found(records)
    assert only.verdict == "The differences between them are within chance on these episodes."


def test_a_lead_over_the_last_is_told_where_the_first_two_are_close():
    records = arm("+" * 40, policy="a") + arm("+" * 39 + "-", policy="b") + arm("-" * 40, policy="c")
    (only,) = found(records)
    assert only.verdict.startswith("The first two cannot be told apart. a is 100 points ahead of c")


def test_a_lead_is_counted_from_the_leaders_side():
    records = arm("-" * 40, policy="a") + arm("+" * 40, policy="b")
    (only,) = found(records)
    assert only.verdict.startswith("b is 100 points ahead of a on the same episodes (95% interval 8")


def test_each_shift_is_told_of_at_its_highest_level():
    records = severity_records({0: 10, 1: 8, 5: 2}) + severity_records({1: 1}, shift="color")
    assert [finding.where for finding in found(records)] == [
        "no shift",
        "color, level 1",
        "occlusion, level 5",
    ]


def test_only_the_largest_training_sets_are_told_of_and_seeds_are_averaged():
    records = [
        record
        for policy, rates in (("a", (2, 6)), ("b", (1, 1)))
        for seed, successes in enumerate(rates)
        for record in trained_arm(successes, policy=policy, demos=100, seed=seed)
    ]
    records += trained_arm(10, policy="a", demos=10, seed=0)
    (only,) = found(records)
    assert only.rates == (("a", "40% (20 to 60)"), ("b", "10% (10 to 10)"))
    assert "2 training seeds" in only.verdict


def test_tasks_whose_policies_had_fewer_demonstrations_are_told_of_too():
    records = [
        record
        for task, demos in (("fdp_bench/Can-v1", 180), ("fdp_bench/Lift-v1", 100))
        for record in trained_arm(5, demos=demos, seed=0, task=task)
    ]
    assert [finding.where for finding in found(records)] == ["Can-v1, no shift", "Lift-v1, no shift"]

import pytest
from fake_sweeps import trained_arm
from scipy.stats import ttest_1samp

from fdp_bench.report.tables.seeds import DIFFERENCE, IMPROVEMENT, IQM, MEAN, seed_layout, seed_table
from fdp_bench.report.tables.summary import summarize
from fdp_bench.report.tables.trainings import find_trainings


def seeds(rates, *, policy="a", demos=100, shifts=("occlusion", "color"), task="fdp_bench/Lift-v1"):
    return [
        record
        for seed, successes in enumerate(rates)
        for shift in shifts
        for record in trained_arm(
            successes, policy=policy, demos=demos, seed=seed, shift=shift, level=3, task=task
        )
    ]


def table(records):
    return seed_table(summarize(records), find_trainings(records))


def test_three_seeds_give_mean_and_interquartile_mean_over_all_shifts():
    rows = table(seeds((2, 5, 8)))
    assert rows["measure"].tolist() == [MEAN, IQM]
    assert rows["value"].tolist() == pytest.approx([0.5, 0.5])
    assert rows[["seeds", "strata"]].to_numpy().tolist() == [[3, 2], [3, 2]]
    assert (rows["low"] < 0.5).all()
    assert (rows["high"] > 0.5).all()
    assert len(seed_layout(rows).rows) == 2


def test_fewer_seeds_or_unequal_shifts_claim_nothing():
    assert table(seeds((2, 5))).empty
    assert table(seeds((2, 5)) + trained_arm(1, policy="a", demos=100, seed=2, shift="color", level=3)).empty


def test_clean_episodes_are_no_stratum():
    records = seeds((2, 5, 8))
    for seed in range(3):
        records += trained_arm(10, policy="a", demos=100, seed=seed)
    assert table(records)["value"].tolist() == pytest.approx([0.5, 0.5])


def test_policies_with_equal_demonstrations_are_held_against_each_other():
    records = seeds((9, 9, 9)) + seeds((1, 1, 1), policy="b") + seeds((1, 1, 1), policy="c", demos=10)
    against = table(records).query("measure == @IMPROVEMENT", local_dict={"IMPROVEMENT": IMPROVEMENT})
    assert against[["policy", "against", "value"]].to_numpy().tolist() == [["a", "b", 1.0]]


def test_tasks_are_pooled_whatever_their_policies_were_trained_on():
    records = [
        record
        for policy, rates in (("a", (9, 9, 8)), ("b", (1, 2, 1)))
        for task, demos in (("Lift", 100), ("Can", 180))
        for record in seeds(rates, policy=policy, demos=demos, task=task)
    ]
    rows = table(records)
    assert rows["policy"].tolist() == ["a", "a", "b", "b", "a", "a"]
    assert set(rows["strata"]) == {4}


def test_the_difference_of_two_policies_has_students_interval_over_the_seeds_differences():
    records = seeds((9, 7, 8)) + seeds((4, 3, 1), policy="b")
    row = table(records).query("measure == @DIFFERENCE", local_dict={"DIFFERENCE": DIFFERENCE}).iloc[0]
    student = ttest_1samp([0.5, 0.4, 0.7], 0).confidence_interval(0.95)
    assert (row["policy"], row["against"], row["seeds"]) == ("a", "b", 3)
    assert row["value"] == pytest.approx(1.6 / 3)
    # The bootstrap's standard error is that of 2,000 resamples.
    assert (row["low"], row["high"]) == pytest.approx((student.low, student.high), abs=0.03)
    text = " ".join(map(" ".join, seed_layout(table(records)).rows))
    assert "difference of means 3 2 +53 [" in text

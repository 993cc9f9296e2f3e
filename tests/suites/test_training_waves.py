from pathlib import Path

from fdp_bench.api import TaskInfo
from fdp_bench.suites.training import waves
from fdp_bench.training.job import TrainingJob

TASK = TaskInfo("task", {"prop": ("prop",)}, {"prop": (1,)}, 1, 10, 20.0)


def job(policy, folder, *, num_demos=10, seed=0):
    return TrainingJob(policy, TASK, Path("data"), Path(folder), num_demos, seed)


def test_policies_of_one_folder_are_trained_one_after_the_other():
    one, other = job("a", "x"), job("b", "x")

    assert waves([one, other]) == [[one], [other]]


def test_sizes_and_seeds_are_trained_at_once():
    jobs = [job("a", "x"), job("a", "y", num_demos=20), job("a", "z", seed=1)]

    assert waves(jobs) == [jobs]


def test_variants_wait_for_the_first_which_trains_what_they_share():
    first, second, third = job("a", "x"), job("a", "y"), job("a", "z")

    assert waves([first, second, third]) == [[first], [second, third]]


def test_nothing_is_lost():
    jobs = [job(policy, folder) for folder in "xyz" for policy in "abc"]

    split = waves(jobs)

    assert sorted(j.name + str(j.out) for wave in split for j in wave) == sorted(
        j.name + str(j.out) for j in jobs
    )
    assert all(len({j.out for j in wave}) == len(wave) for wave in split)

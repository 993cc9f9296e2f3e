import json

import pytest

from fdp_bench.api import DatasetError, PluginError, SpecError
from fdp_bench.training.job import TrainingJob


def test_every_policy_is_trained_on_every_size_with_every_seed(plan, tmp_path):
    jobs = plan("learner", "dp-dit", num_demos=(2, 3), seeds=(0, 1))

    assert [(job.policy, job.num_demos, job.seed) for job in jobs] == [
        (policy, size, seed) for policy in ("learner", "dp-dit") for size in (2, 3) for seed in (0, 1)
    ]
    assert jobs[1].out == tmp_path / "out" / "demos2-seed1"
    assert jobs[1].out == jobs[5].out


def test_jobs_of_one_folder_lie_apart(plan):
    jobs = plan("fdp:prop>vision", "base:prop", num_demos=(2, 3), seeds=(0, 1))

    assert len({job.out for job in jobs[:4]}) == 4


def test_a_single_training_can_go_into_the_named_folder_itself(plan, tmp_path):
    (job,) = plan("learner", folder_each=False)
    several = plan("learner", num_demos=(2, 3), folder_each=False)

    assert job.out == tmp_path / "out"
    assert several[0].out == tmp_path / "out" / "demos2-seed0"


def test_two_spellings_of_a_policy_are_one_training(plan):
    jobs = plan("fdp:prop", "fdp:prop>vision", "learner", "learner?way=well")

    assert [job.policy for job in jobs] == ["fdp:prop>vision", "learner"]


def test_a_checkpoint_in_a_policy_string_is_not_trained_on(plan):
    assert plan("dp-dit@some.safetensors")[0].policy == "dp-dit"


def test_a_policy_that_cannot_be_trained_is_refused_before_anything_is_written(plan, tmp_path):
    with pytest.raises(PluginError, match="'untrainable' cannot be trained"):
        plan("learner", "untrainable")
    assert not (tmp_path / "out").exists()


def test_options_that_a_policy_does_not_know_are_refused(plan):
    with pytest.raises(SpecError, match="way=backwards"):
        plan("learner?way=backwards")


def test_more_demonstrations_than_the_file_has_are_refused(plan):
    with pytest.raises(DatasetError, match="6 demonstrations, and 7 were asked for"):
        plan("learner", num_demos=(2, 7))


def test_a_job_survives_json(plan):
    for job in plan("learner", seeds=(3,), settings={"steps": "5"}):
        assert TrainingJob.from_json(json.loads(json.dumps(job.to_json()))) == job

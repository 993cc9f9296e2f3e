"""What the encoders cannot read is said in one line before a training begins."""

import dataclasses

import pytest
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.checkpoints.readable import check_readable
from fdp_policies.training.fit import fit

from fdp_bench.api import PolicySpec, SpecError


def test_frames_smaller_than_what_is_cut_from_them_are_refused(task):
    with pytest.raises(
        SpecError, match=r"cuts 80x80 .* 'image.agentview' of fdp_bench/Lift-v1 has 20x20.*side = 84"
    ) as refused:
        check_readable(architecture_of(PolicySpec("dp-dit"), task), task)
    assert "\n" not in str(refused.value)


def test_small_frames_of_a_sense_that_is_not_read_do_no_harm(task):
    check_readable(architecture_of(PolicySpec("base", "prop"), task), task)


def test_a_sense_without_numbers_is_refused(task):
    shapes = {**task.observation_shapes, "prop": (0,)}
    bare = dataclasses.replace(task, observation_shapes=shapes)

    with pytest.raises(SpecError, match=r"shows no numbers there .* leave the modality 'prop' out"):
        check_readable(architecture_of(PolicySpec("base", "prop"), bare), bare)


def test_a_training_begins_with_it(make_job):
    job = make_job("base", "vision")
    side = job.task.observation_shapes["image.agentview"][0]
    larger = dataclasses.replace(
        job.architecture, network=dataclasses.replace(job.network, crop_size=side + 1)
    )

    with pytest.raises(SpecError, match=f"cuts {side + 1}x{side + 1} pixels"):
        fit(dataclasses.replace(job, architecture=larger))
    assert not list(job.out.glob("*"))


def test_a_task_without_the_sense_prop_is_trained_on(make_job, demonstrations, task):
    def moved(demo):
        return dataclasses.replace(demo, prop=demo.prop[:, :0], vectors={"place": demo.prop})

    job = make_job("dp-dit", steps=3)
    other = dataclasses.replace(
        task,
        modalities={"where": ("place",), "vision": ("image.agentview",)},
        observation_shapes={"place": (3,), "image.agentview": task.observation_shapes["image.agentview"]},
    )
    data = dataclasses.replace(demonstrations, demos=tuple(map(moved, demonstrations.demos)))
    architecture = dataclasses.replace(job.architecture, prioritized=("where", "vision"))
    path = fit(dataclasses.replace(job, task=other, demonstrations=data, architecture=architecture))

    assert '"place"' in path.with_suffix(".json").read_text()

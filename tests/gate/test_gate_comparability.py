"""What is refused, one by one, and what is only said."""

import re
from dataclasses import replace

import pytest
from gate_data import FIRST_PROTOCOL, MACHINE, TASK, VERSIONS, records, side, write_run

from fdp_bench.gate.comparability import IncomparableError, notes, refuse_unlike, same_numbers
from fdp_bench.gate.compared_run import read_compared_run
from fdp_bench.gate.pairing import pair_arms

ARMS = {("dp-dit", "clean"): "+-+", ("dp-dit", "color@3"): "+--"}
OTHER_STATES = records("dp-dit", "clean", "+-+", state="t")


def refusal(tmp_path, arms=None, **facts):
    """Why a run is not compared with the reference; empty if it is."""
    baseline, candidate = side(tmp_path / "a", ARMS), side(tmp_path / "b", arms or ARMS, **facts)
    try:
        refuse_unlike(baseline, candidate, pair_arms(baseline, candidate))
    except IncomparableError as refused:
        return refused.reasons
    return ()


def said(tmp_path, arms=None, **facts):
    """What is said beside a comparison with the reference."""
    baseline, candidate = side(tmp_path / "a", ARMS), side(tmp_path / "b", arms or ARMS, **facts)
    return notes(baseline, candidate, pair_arms(baseline, candidate))


def test_equal_runs_are_compared_and_nothing_is_said(tmp_path):
    assert refusal(tmp_path) == ()
    assert said(tmp_path / "again") == []


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"task": {**TASK, "task_id": "fdp_bench/Lift-v2"}}, "task version: .*Lift-v1.*Lift-v2"),
        ({"task": {**TASK, "profile": "reference"}}, "task version: .*profile fast.*profile reference"),
        ({"protocol": {**FIRST_PROTOCOL, "success_rule": "held"}}, "success rule: .*'held of 200"),
        ({"task": {**TASK, "horizon": 300}}, "success rule: .*of 200 steps.*of 300 steps"),
        ({"protocol": {**FIRST_PROTOCOL, "seed_protocol": "dice"}}, "seed protocol: .*'seed-sequence/1'.*'dice'"),
        ({"sampler": "ddpm, 100 steps"}, r"sampler \(dp-dit\): .*'ddim, 10 steps'.*'ddpm, 100 steps'"),
        ({"config": {}, "arms": records("dp-dit", "clean", "+", run_seed=9)}, "seed of the run.* 0, .* 9"),
        ({"arms": records("dp-dit", "color@3?part=table", "+")}, "shift parameters: .*color@3.*part=table"),
        ({"arms": records("dp-dit", "color@4", "+", severity=0.8)}, "shift parameters: .*'color@3'.*'color@4'"),
        ({"arms": OTHER_STATES}, "seed protocol: 3 of 3 pairs start from different states"),
        ({"arms": records("dp-dit", "occlusion@3", "+")}, "no episode in common: .*color@3.*occlusion@3"),
    ],
    ids=[
        "task", "profile", "success-rule", "horizon", "seed-protocol", "sampler", "run-seed", "shift-options",
        "severity", "states", "nothing-in-common",
    ],
)  # fmt: skip
def test_each_difference_is_refused_in_one_line_that_names_both(tmp_path, facts, why):
    (reason,) = refusal(tmp_path, **facts)

    assert re.search(why, reason), reason
    assert "\n" not in reason


def test_every_difference_has_a_line_of_its_own(tmp_path):
    reasons = refusal(tmp_path, task={**TASK, "task_id": "fdp_bench/Lift-v2"}, sampler="ddpm, 100 steps")

    assert [reason.split(":")[0] for reason in reasons] == ["task version", "sampler (dp-dit)"]


def test_a_shift_that_draws_other_parameters_is_refused(tmp_path):
    drawn = read_compared_run(write_run(tmp_path / "a", ARMS))
    moved = [
        record
        if record.spec.shift == "clean"
        else _with_parameters(record, {"drawn": record.spec.index / 3 + 0.1})
        for record in _records(ARMS)
    ]
    candidate = side(tmp_path / "b", moved)

    with pytest.raises(IncomparableError, match=r"shift parameters \(color@3, 3 of 3 episodes, first 0\)"):
        refuse_unlike(drawn, candidate, pair_arms(drawn, candidate))


def test_parameters_that_differ_by_rounding_are_equal():
    assert same_numbers({"a": [1.0, {"b": 0.3}]}, {"a": [1.0 + 1e-12, {"b": 0.30000000001}]})
    assert not same_numbers({"a": [1.0]}, {"a": [1.0, 2.0]})
    assert not same_numbers({"a": "x"}, {"a": "y"})
    assert not same_numbers({"a": 1.0}, {"b": 1.0})
    assert not same_numbers([0.5], [0.501])


def test_states_that_differ_on_another_machine_are_said_not_refused(tmp_path):
    elsewhere = {"machine": {**MACHINE, "cpu": "another"}}

    assert refusal(tmp_path, arms=OTHER_STATES, **elsewhere) == ()
    assert any(
        "3 of 3 pairs start from states that differ in bits" in text
        for text in said(tmp_path / "2", arms=OTHER_STATES, **elsewhere)
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"versions": {**VERSIONS, "mujoco": "3.10.0"}}, "other versions: mujoco 3.9.0 -> 3.10.0"),
        ({"config": {"device": "cuda"}}, "single episodes: device cpu -> cuda, batch_rows 4 -> 16"),
        ({"arms": records("dp-dit", "clean", "+-+", noise_seed=4)}, "noise seed 0 and 4"),
        ({"arms": records("dp-dit", "clean", "+-+")}, "only in the baseline, not compared: dp-dit, color@3"),
        (
            {"arms": {**ARMS, ("dp-dit", "occlusion@3"): "+"}},
            "only in the candidate, not compared: dp-dit, occlusion@3",
        ),
        (
            {"arms": {("dp-dit", "clean"): "+-+-", ("dp-dit", "color@3"): "+--"}},
            "1 episodes were run by one side alone",
        ),
        ({"planned": 99}, "is not complete: fdp-bench run --resume"),
        (
            {"arms": {("dp-dit", "clean"): "++-", ("dp-dit", "color@3"): "+--"}},
            "2 of 6 episodes with the same id",
        ),
        ({"policies": []}, "the sampler is not on record for dp-dit"),
        ({"config": {"until_decided": 0.05}}, "stopped each arm as soon as it was decided"),
    ],
)
def test_what_does_not_forbid_a_comparison_is_said(tmp_path, facts, words):
    assert refusal(tmp_path, **facts) == ()
    assert any(words in text for text in said(tmp_path / "2", **facts))


def test_a_policy_without_a_sampler_differs_in_none(tmp_path):
    assert refusal(tmp_path, sampler="") == ()


def _records(arms):
    return [record for (policy, shift), signs in arms.items() for record in records(policy, shift, signs)]


def _with_parameters(record, parameters):
    return replace(record, receipt={**record.receipt, "parameters": parameters})

"""The gate on records of real runs: a planted regression is caught, an equal policy with other noise passes.

``data/README.md`` says how they were made. The candidates' runs are complete, so `fdp-bench check` goes on with what is
there and simulates nothing.
"""

import shutil
from pathlib import Path

import pytest
from fakes import install_distribution

from fdp_bench.cli.main import main
from fdp_bench.gate.baseline import read_baseline
from fdp_bench.gate.check import plan_check
from fdp_bench.gate.compared_run import read_compared_run
from fdp_bench.runner.config import GPU_BATCH_ROWS

DATA = Path(__file__).parent / "data"
BASELINE = DATA / "dp-dit.json"
PLUGIN = Path(__file__).parents[1] / "plugin_package" / "src"
NOISY = "--policy=noisy?policy=dp-dit&scale=0.11"


@pytest.fixture
def check(tmp_path, monkeypatch, capfd):
    """`fdp-bench check` on a stored candidate: exit code and standard output."""
    install_distribution(
        tmp_path / "plugin", "planted", policies={"noisy": "fdp_bench_example.noisy:Noisy"}, shifts={}
    )
    monkeypatch.syspath_prepend(tmp_path / "plugin")
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def call(candidate, *options):
        # A resumed run may be written to; the stored one must stay.
        run = tmp_path / candidate
        if not run.exists():
            shutil.copytree(DATA / candidate, run)
        before = (run / "episodes.jsonl").read_bytes()
        code = main(["check", "--baseline", str(BASELINE), "--out", str(run), *options])
        assert (run / "episodes.jsonl").read_bytes() == before
        return code, capfd.readouterr().out.replace("\\", "")

    return call


def test_a_planted_regression_is_caught_and_its_lost_episodes_are_named(check):
    code, out = check("noisy", NOISY, "--margin", "0.10")

    assert code == 1
    assert "**regressed: " in out
    lost = [line for line in out.splitlines() if line.endswith("success -> failure")]
    was, now = read_baseline(BASELINE), read_compared_run(DATA / "noisy")
    assert len(lost) == sum(
        before.success and not now_arm.outcomes[index].success
        for arm, now_arm in zip(was.arms, now.arms, strict=True)
        for index, before in arm.outcomes.items()
    )


def test_an_equal_policy_with_another_draw_of_its_noise_passes(check):
    code, out = check("equal", "--noise-seed", "1", "--margin", "0.10")

    assert code == 0
    assert "**passed: 2 arms" in out
    assert "noise seed 0 and 1" in out


def test_few_episodes_of_the_equal_policy_cannot_tell_and_say_how_many_would(check):
    code, out = check("equal", "--noise-seed", "1", "--margin", "0.10", "--episodes", "10")

    assert code == 3
    assert "Needs about" in out
    assert "--episodes" in out.split("Needs about")[1]


def test_the_equal_policy_met_the_same_states_and_shifts_with_other_noise():
    was, now = read_baseline(BASELINE), read_compared_run(DATA / "equal")

    assert (was.noise_seed, now.noise_seed) == (0, 1)
    for arm, again in zip(was.arms, now.arms, strict=True):
        assert len(arm.outcomes) == 100
        for index, outcome in arm.outcomes.items():
            assert outcome.initial_state == again.outcomes[index].initial_state
            assert outcome.id != again.outcomes[index].id


def test_the_planted_regression_is_worth_about_fifteen_points():
    was, now = read_baseline(BASELINE), read_compared_run(DATA / "noisy")
    losses = [
        sum(outcome.success for outcome in arm.outcomes.values())
        - sum(outcome.success for outcome in worse.outcomes.values())
        for arm, worse in zip(was.arms, now.arms, strict=True)
    ]

    assert 10 <= losses[0] <= 20


def test_the_projects_own_baseline_can_be_checked_against():
    """A change of sampler, seed protocol or success rule needs another baseline, and this says so first."""
    own = Path(__file__).parents[2] / "results" / "baselines" / "lift.json"
    plan = plan_check(read_baseline(own))

    assert plan.config.policies == ("dp-dit", "fdp:prop>vision")
    assert plan.config.shifts == ("distractors@1",)
    assert plan.config.episodes == 60


def test_a_check_on_a_gpu_asks_for_as_many_rows_as_a_run_there():
    assert plan_check(read_baseline(BASELINE), device="cuda").config.batch_rows == GPU_BATCH_ROWS

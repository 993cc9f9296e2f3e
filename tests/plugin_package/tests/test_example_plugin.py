import json
import subprocess
import sys

import numpy as np
import pytest

from fdp_bench.api import SpecError
from fdp_bench.plugins import load_policy, load_shift, policy_plugins, shift_plugins
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.specs import parse_policy
from fdp_bench.testing import check_policy, check_shift
from fdp_bench.toy import TOY_TASK

DISTRIBUTION = "fdp-bench-example-plugin"


def fdp_bench(*args):
    return subprocess.run(
        [sys.executable, "-m", "fdp_bench", *args], capture_output=True, text=True, check=False
    )


def test_both_plugins_are_found_without_importing_them():
    code = (
        "import sys; from fdp_bench.plugins import policy_plugins, shift_plugins; "
        "print(policy_plugins()['waver'].distribution, shift_plugins()['fog'].distribution, "
        "'fdp_bench_example' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [DISTRIBUTION, DISTRIBUTION, "False"]
    assert policy_plugins()["waver"].problem() == shift_plugins()["fog"].problem() == ""


def test_fog_keeps_the_rules_of_a_shift():
    check_shift("fog", TOY_TASK)


def test_waver_keeps_the_rules_of_a_policy():
    check_policy("waver", TOY_TASK)
    check_policy("waver?scale=0.1", TOY_TASK)


def test_fog_fades_frames_to_its_grey():
    fog = load_shift("fog")(make_base(TOY_TASK), severity=1.0)
    observation, _ = fog.reset(seed=0)

    assert np.ptp(observation["image.front"]) <= 0.2 * 255 + 1
    assert fog.receipt().parameters["density"] == 0.8


def test_wavers_scale_scales_its_actions():
    task = make_base(TOY_TASK).unwrapped.task_info
    strong, weak = (load_policy("waver")(parse_policy(f"waver?scale={scale}"), task) for scale in (0.2, 0.1))
    noise = np.full((1, 4, 2), 0.5, np.float32)

    assert np.allclose(strong.act({}, noise), 2 * weak.act({}, noise))


def test_noisy_keeps_the_rules_of_a_policy():
    check_policy("noisy", TOY_TASK)
    check_policy("noisy?policy=noisy&scale=0.3", TOY_TASK)


def test_noisy_without_noise_is_the_policy_that_it_wraps():
    task = make_base(TOY_TASK).unwrapped.task_info
    waver = load_policy("waver")(parse_policy("waver"), task)
    quiet, loud = (
        load_policy("noisy")(parse_policy(f"noisy?policy=waver&scale={scale}"), task) for scale in (0, 0.1)
    )
    # One stream feeds both: the wrapped policy's numbers come first.
    noise = np.random.default_rng(0).standard_normal((2, *loud.noise_shape), dtype=np.float32)
    first = noise[:, :8].reshape(2, *waver.noise_shape)

    assert np.array_equal(quiet.act({}, noise), waver.act({}, first))
    moved = loud.act({}, noise) - waver.act({}, first)
    assert 0.02 < moved.std() < 0.2


def test_noisy_refuses_a_scale_that_is_none():
    with pytest.raises(SpecError, match="scale=loud"):
        load_policy("noisy").resolve(parse_policy("noisy?scale=loud"), None)


def test_a_run_on_lift_records_both(tmp_path):
    run = tmp_path / "run"
    done = fdp_bench(
        "run", "--policy", "waver", "--shift", "fog", "--episodes", "1", "--workers", "1", "--out", str(run)
    )
    records = [json.loads(line) for line in (run / "episodes.jsonl").read_text().splitlines()]

    assert done.returncode == 0, done.stderr
    assert "waver" in done.stdout
    assert "fog" in done.stdout
    assert [record["status"] for record in records] == ["ok", "ok"]
    shifted = next(record for record in records if record["spec"]["shift"] == "fog@3")
    assert min(shifted["receipt"]["pixel_change"].values()) > 1.0
    assert len({record["initial_state_sha256"] for record in records}) == 1


def test_an_unknown_option_of_either_ends_in_one_line(tmp_path):
    for policy, shift in (("waver?scael=1", "fog"), ("waver", "fog?density=1")):
        done = fdp_bench(
            "run", "--policy", policy, "--shift", shift, "--task", TOY_TASK, "--out", str(tmp_path / "run")
        )

        assert done.returncode == 2
        assert "has no option" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "run").exists()

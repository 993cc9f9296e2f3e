import json

import numpy as np
import pytest
from fake_policies import Watcher

from fdp_bench.api import Policy, PolicySpec
from fdp_bench.cli.main import main
from fdp_bench.runner.rollout.environment import make_env, task_info
from fdp_bench.runner.rollout.latency import plausible_observation, probe_latency_ms
from fdp_bench.toy import TOY_TASK

TASK = task_info(make_env(TOY_TASK), TOY_TASK)


class Recorder(Policy):
    """Notes what it is asked."""

    modalities = ("prop", "vision")
    n_obs_steps = 3
    n_action_steps = 2
    noise_shape = (4, 2)

    def __init__(self):
        super().__init__(PolicySpec("recorder"), TASK)
        self.asked = []

    def reset(self, lanes):
        self.asked.append(("reset", lanes.tolist()))

    def act(self, observation, noise):
        shapes = {key: (value.shape, value.dtype.name) for key, value in observation.items()}
        self.asked.append((shapes, noise.shape))
        return np.zeros((len(noise), 2, 2), np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_probe_asks_for_just_as_many_rows_as_are_wanted(batch):
    policy = Recorder()
    times = probe_latency_ms(policy, TASK, batch=batch, repeats=4, budget_s=60)
    frame = ((batch, 3, 32, 32, 3), "uint8")
    shapes = {"prop": ((batch, 3, 2), "float32"), "image.front": frame, "image.hand": frame}
    assert policy.asked == [("reset", list(range(batch)))] + [(shapes, (batch, 4, 2))] * 6
    assert len(times) == 4
    assert min(times) > 0


def test_the_probe_times_what_a_decision_takes_and_a_dear_policy_once():
    policy = Watcher(PolicySpec("watcher", options={"delay": "0.05"}), TASK)
    times = probe_latency_ms(policy, TASK, budget_s=0.01)
    assert len(times) == 1
    assert times[0] >= 50


def test_a_policy_is_shown_only_what_it_reads():
    policy = Recorder()
    policy.modalities = ("prop",)
    assert plausible_observation(policy, TASK, 1).keys() == {"prop"}


@pytest.mark.usefixtures("fakes")
def test_the_manifest_holds_each_policys_latency_and_none_where_the_probe_failed(tmp_path):
    out = tmp_path / "run"
    asked = ["--policy", "seeker", "--policy", "faulty?how=threads", "--shift", "dim"]
    code = main(["run", "--task", TOY_TASK, *asked, "--episodes", "1", "--workers", "1", "--out", str(out)])
    assert code == 4  # half of the episodes ended in an error
    policies = json.loads((out / "manifest.json").read_text())["policies"]
    latencies = {entry["spec"]: entry["latency_ms"] for entry in policies}
    assert min(latencies["seeker"]) > 0
    assert latencies["faulty?how=threads"] == []

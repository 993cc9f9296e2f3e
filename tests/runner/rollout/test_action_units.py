"""What a policy says reaches the environment in the units that it states, or the run is refused."""

import numpy as np
import pytest
from fake_tasks import PIXEL_TASK, Pixels
from rollout_helper import roll_out, specs

from fdp_bench.api import PluginError, PolicySpec, SpecError, TaskInfo
from fdp_bench.plugins import load_policy
from fdp_bench.runner.rollout.action_units import check_units
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import PreflightRequest, check
from fdp_bench.toy import TOY_TASK

pytestmark = pytest.mark.usefixtures("fakes")


def play(policy, task=PIXEL_TASK):
    records, _ = roll_out(specs(2, task=task, policy=policy))
    return list(records.values())


@pytest.mark.parametrize("policy", ["own-caller?action=128,384", "caller?action=-0.5,0.5"])
def test_either_unit_leads_to_the_same_place(policy):
    for record in play(policy):
        assert (record.status, record.success_held, record.actions_cut) == ("ok", True, 0.0)


def test_the_environment_is_given_what_a_policy_in_its_units_says(monkeypatch):
    given, step = [], Pixels.step
    monkeypatch.setattr(Pixels, "step", lambda env, action: given.append(action) or step(env, action))

    play("own-caller?action=100.1,512")

    np.testing.assert_allclose(given, np.tile([100.1, 512], (len(given), 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("policy", "share"),
    [("own-caller?action=600,384", 0.5), ("caller?action=0.5,-1.01", 0.5), ("caller?action=-1,1", 0.0)],
)
def test_records_count_the_components_that_were_cut(policy, share):
    assert [record.actions_cut for record in play(policy)] == [share, share]


def preflight(policy, task=PIXEL_TASK):
    return check(Lane(task, "fast"), PreflightRequest((policy,), (), "cpu"))


def test_a_policy_in_other_units_than_it_states_is_refused_before_the_run():
    with pytest.raises(
        SpecError, match=r"100% of whose components lie outside \[-1, 1\], up to 384.*action_units"
    ):
        preflight("caller?action=128,384")
    with pytest.raises(SpecError, match=r"outside the bounds of .*Pixels-v0, 0 to 512"):
        preflight("own-caller?action=-900,600")


def test_half_of_the_components_beyond_the_bounds_is_no_reason_to_refuse():
    assert preflight("caller?action=0.5,30").policies


def test_a_policy_that_states_no_unit_is_refused(monkeypatch):
    monkeypatch.setattr(load_policy("caller"), "action_units", "pixels")

    with pytest.raises(PluginError, match="states action_units = 'pixels'"):
        preflight("caller?action=0,0")


def test_what_a_policy_answers_to_made_up_frames_does_not_count():
    """A network may give anything where it was not trained; a true observation decides."""
    task: TaskInfo = Lane(TOY_TASK, "fast").task
    kind = load_policy("seeker")

    class Wild(kind):
        def act(self, observation, noise):
            made_up = observation["image.front"].std() > 70
            return np.full((len(noise), 4, 2), 9.0 if made_up else 0.5, np.float32)

    policy = Wild(PolicySpec("wild"), task)
    quiet = {key: np.zeros(shape, np.uint8) for key, shape in task.observation_shapes.items()}
    loud = {
        key: np.random.default_rng(0).integers(0, 256, np.shape(zeros), np.uint8)
        for key, zeros in quiet.items()
    }

    check_units(policy, task, lambda: quiet, 0.0)
    with pytest.raises(SpecError, match="up to 9"):
        check_units(policy, task, lambda: loud, 0.0)

import numpy as np
import pytest
from inspectors import Arrow, seeker

from fdp_bench.api import Inspector
from fdp_bench.diagnose.conditions import AS_IT_IS, BASE_ALONE, Condition, conditions_of, donor_of
from fdp_bench.diagnose.rollouts import Stage
from fdp_bench.diagnose.success import against_base, losses_by_condition, success_rates
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.rollout import Rollout
from fdp_bench.toy import TOY_TASK, ToyEnv

pytestmark = pytest.mark.usefixtures("fakes")

EPISODES = 6
MODALITIES = ToyEnv.metadata["modalities"]


@pytest.fixture
def stage():
    made = Stage(TOY_TASK, EPISODES, seed=0)
    yield made
    made.close()


def played(stage, inspector, condition, donors=None):
    return stage.play(inspector, "seeker", condition, donors, lambda: None)


def test_unaltered_episodes_are_those_of_a_run(stage):
    from fake_policies import Seeker

    from fdp_bench.api import CLEAN, EpisodeSpec, PolicySpec
    from fdp_bench.runner.rollout.batched_policy import BatchedPolicy
    from fdp_bench.runner.rollout.episode import PicturePaths

    records, _ = played(stage, seeker(), AS_IT_IS)
    lanes = [Lane(TOY_TASK, "fast") for _ in range(4)]
    policy = BatchedPolicy(Seeker(PolicySpec("seeker"), lanes[0].task), lanes[0].task, 4)
    rollout = Rollout(lanes, lambda _: policy, lambda _: PicturePaths())
    rollout.add(EpisodeSpec(TOY_TASK, "seeker", "", CLEAN, 0.0, index, 0) for index in range(EPISODES))
    expected = {}
    while not rollout.is_idle:
        expected |= {record.spec.index: record for record in rollout.round()}

    assert [(r.success_once, r.steps, r.safety) for r in records] == [
        (expected[i].success_once, expected[i].steps, expected[i].safety) for i in range(EPISODES)
    ]


def test_decisions_are_kept_with_the_step_they_were_made_at(stage):
    _, decisions = played(stage, seeker(), AS_IT_IS)

    for episode in decisions.episodes:
        assert [decision.step for decision in episode] == [4 * k for k in range(len(episode))]
        assert episode[0].observation["image.front"].shape == (2, 32, 32, 3)
        assert episode[0].noise.shape == (4, 2)


class Spy(Inspector):
    """Stands still and keeps what it is shown."""

    modalities = ("prop", "vision")

    def __init__(self):
        self.shown = []

    def act(self, observation, noise, *, masked=(), base_only=False):
        self.shown.append({key: value.copy() for key, value in observation.items()})
        return np.zeros((len(noise), 1, 2), np.float32)


def test_a_swapped_sense_is_that_of_the_donor_at_the_same_step(stage):
    _, decisions = played(stage, seeker(), AS_IT_IS)
    spy = Spy()

    played(stage, spy, Condition("vision swapped", swapped=("vision",)), decisions)

    expected = [decisions.episodes[donor_of(row, EPISODES)][0].observation for row in range(4)]
    own = [decisions.episodes[row][0].observation for row in range(4)]
    for row in range(4):
        assert (spy.shown[0]["image.front"][row] == expected[row]["image.front"]).all()
        assert (spy.shown[0]["prop"][row] == own[row]["prop"][-1:]).all()


def test_a_policy_that_needs_its_eyes_fails_without_them(stage):
    inspector = seeker()
    records, donors = {}, None
    for condition in conditions_of(inspector, MODALITIES):
        records[condition], kept = played(stage, inspector, condition, donors)
        donors = donors or kept

    rates = {each.condition: each.rate for each in success_rates(records)}
    lost = {each.condition: each for each in losses_by_condition(records)}

    assert rates["as it is"] == 1.0
    assert rates["vision black"] <= 0.5
    assert lost["vision black"].difference == rates["vision black"] - 1.0
    assert lost["vision black"].high < 0.0


def test_masks_and_parts_reach_the_policy(stage):
    inspector = Arrow()
    _, donors = played(stage, inspector, AS_IT_IS)

    for condition in (BASE_ALONE, Condition("prop masked", masked=("prop",))):
        inspector.asked.clear()
        played(stage, inspector, condition, donors)
        assert {(masked, base) for masked, base, _ in inspector.asked} == {
            (condition.masked, condition.base_only)
        }


def test_only_what_is_done_to_secondary_senses_is_held_against_the_base(stage):
    inspector = Arrow()
    records, donors = {}, None
    for condition in conditions_of(inspector, MODALITIES):
        records[condition], kept = played(stage, inspector, condition, donors)
        donors = donors or kept

    held = against_base(records, inspector.secondary)

    assert [each.condition for each in held] == [
        "as it is",
        "vision masked",
        "vision swapped",
        "vision black",
    ]
    assert {each.against for each in held} == {"base alone"}
    assert against_base({AS_IT_IS: records[AS_IT_IS]}, ("vision",)) == []

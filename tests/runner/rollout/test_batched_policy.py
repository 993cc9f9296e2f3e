from dataclasses import replace

import numpy as np
import pytest

from fdp_bench.api import Policy, PolicySpec, SpecError, TaskInfo
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy, PolicyError, policy_keys

TASK = TaskInfo(
    "task",
    {"prop": ("prop",), "vision": ("image.a", "image.b")},
    {"prop": (3,)},
    action_dim=2,
    horizon=9,
    control_hz=1,
)


class Spy(Policy):
    modalities = ("prop",)
    n_action_steps = 3
    noise_shape = (4,)

    def __init__(self, answer=None):
        super().__init__(PolicySpec("spy"), TASK)
        self.batches = []
        self.answer = answer or (lambda observation, noise: np.zeros((len(noise), 3, 2)))

    def act(self, observation, noise):
        self.batches.append((observation, noise))
        return self.answer(observation, noise)


def ask(policy, rows, batch_rows=4):
    observations = {row: {"prop": np.full((1, 3), float(row)), "image.a": np.zeros(1)} for row in rows}
    noises = {row: np.full(4, row + 0.5, np.float32) for row in rows}
    return BatchedPolicy(policy, TASK, batch_rows).act(observations, noises)


def test_the_policy_always_sees_the_same_number_of_rows():
    for rows in ([0], [2], [0, 3], [0, 1, 2, 3]):
        policy = Spy()
        answers, _ = ask(policy, rows)
        assert policy.batches[0][0]["prop"].shape == (4, 1, 3)
        assert sorted(answers) == rows


def test_free_rows_repeat_the_first_observation_without_noise():
    policy = Spy()
    ask(policy, [1, 3])

    observation, noise = policy.batches[0]

    assert observation["prop"][:, 0, 0].tolist() == [1.0, 1.0, 1.0, 3.0]
    assert noise[:, 0].tolist() == [0.0, 1.5, 0.0, 3.5]


def test_only_the_keys_of_the_policys_modalities_are_shown():
    policy = Spy()
    ask(policy, [0])

    assert [*policy.batches[0][0]] == ["prop"]


def test_actions_beyond_the_bounds_are_handed_on_for_the_episode_to_count():
    answers, _ = ask(Spy(lambda o, n: np.full((4, 3, 2), 7.0)), [0])

    assert answers[0].dtype == np.float32
    assert (answers[0] == 7.0).all()


def test_actions_in_the_environments_units_are_scaled_from_its_bounds():
    task = replace(TASK, action_low=(0.0, -2.0), action_high=(512.0, 0.0))
    policy = Spy(lambda o, n: np.tile([384.0, -2.0], (4, 3, 1)))
    policy.action_units = "environment"

    answers, _ = BatchedPolicy(policy, task, 4).act({0: {"prop": np.zeros((1, 3))}}, {0: np.zeros(4)})

    np.testing.assert_array_equal(answers[0], np.tile(np.float32([0.5, -1.0]), (3, 1)))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda o, n: np.zeros((4, 2, 2)), "shape"),
        (lambda o, n: None, "shape"),
        (lambda o, n: np.full((4, 3, 2), "x"), "dtype"),
        (lambda o, n: np.zeros((4, 3, 2), np.int64), "dtype int64; float32 is needed"),
        (lambda o, n: np.full((4, 3, 2), np.inf), "not finite"),
    ],
)
def test_an_answer_that_is_no_action_chunk_is_every_askers_error(answer, why):
    answers, _ = ask(Spy(answer), [0, 2])

    assert all(isinstance(found, PolicyError) and why in str(found) for found in answers.values())


def test_a_row_that_is_not_finite_spoils_no_other():
    def answer(observation, noise):
        actions = np.zeros((4, 3, 2))
        actions[1, 2, 0] = np.nan
        return actions

    answers, _ = ask(Spy(answer), [0, 1])

    assert isinstance(answers[1], PolicyError)
    assert (answers[0] == 0).all()


def test_a_row_that_raises_spoils_no_other():
    def answer(observation, noise):
        if (observation["prop"] == 2.0).any():
            raise KeyError("two")
        return np.zeros((4, 3, 2))

    answers, _ = ask(Spy(answer), [0, 2, 3])

    assert "KeyError: 'two'" in str(answers[2])
    assert (answers[0] == 0).all()
    assert (answers[3] == 0).all()


def test_a_modality_that_the_task_lacks_is_refused_with_the_nearest():
    policy = Spy()
    policy.modalities = ("visoin",)

    with pytest.raises(SpecError, match="did you mean 'vision'"):
        policy_keys(policy, TASK)


def test_keys_follow_the_policys_modalities():
    policy = Spy()
    policy.modalities = ("vision", "prop")

    assert policy_keys(policy, TASK) == ("image.a", "image.b", "prop")

"""Every rule of the conformance checks catches a policy that breaks it."""

import random

import gymnasium
import numpy as np
import pytest

from fdp_bench.api import Policy, PolicySpec, ShiftConfigError
from fdp_bench.testing import ConformanceError, check_policy
from fdp_bench.toy import TOY_TASK


@pytest.fixture
def toy():
    return gymnasium.make(TOY_TASK, disable_env_checker=True)


class Waver(Policy):
    """A policy that keeps every rule: goes back to the middle, with noise."""

    modalities = ("prop",)
    n_obs_steps = 2
    n_action_steps = 3
    option_values = {"scale": "0.5"}  # noqa: RUF012

    @property
    def noise_shape(self):
        return (3, 2)

    def act(self, observation, noise):
        actions = 0.5 * noise - observation["prop"][:, -1:, :]
        return np.clip(actions, -1.0, 1.0).astype(np.float32)


def test_a_policy_that_keeps_the_rules_passes(toy):
    check_policy(Waver, toy)
    check_policy(Waver, TOY_TASK, spec=PolicySpec("waver", options={"scale": "0.1"}))


class Undecided(Waver):
    @classmethod
    def resolve(cls, spec, task):
        return PolicySpec(spec.name, spec.order + ">prop")


class Gullible(Waver):
    option_values = None


class Weightless(Waver):
    @classmethod
    def weights(cls, spec, task):
        return {"available": True}


class Boastful(Waver):
    @classmethod
    def orders(cls, task):
        return ["vision>prop"]

    @classmethod
    def resolve(cls, spec, task):
        if spec.order:
            raise ShiftConfigError("no such order")
        return super().resolve(spec, task)


class Deaf(Waver):
    modalities = ("hearing",)


class Listed(Waver):
    modalities = ["prop"]  # noqa: RUF012


class Idle(Waver):
    n_action_steps = 0


class Noisy(Waver):
    noise_shape = [3, 2]  # noqa: RUF012


class Short(Waver):
    def act(self, observation, noise):
        return super().act(observation, noise)[:, :2]


class Double(Waver):
    def act(self, observation, noise):
        return super().act(observation, noise).astype(np.float64)


class Listing(Waver):
    def act(self, observation, noise):
        return super().act(observation, noise).tolist()


class Infinite(Waver):
    def act(self, observation, noise):
        return super().act(observation, noise) * np.float32(np.nan)


class Strong(Waver):
    def act(self, observation, noise):
        return 3 * super().act(observation, noise)


class Scribbling(Waver):
    def act(self, observation, noise):
        actions = super().act(observation, noise)
        observation["prop"][:] = 0
        return actions


class NoiseEater(Waver):
    def act(self, observation, noise):
        actions = super().act(observation, noise)
        noise[:] = 0
        return actions


class Dicing(Waver):
    def act(self, observation, noise):
        noise = noise + np.random.standard_normal(noise.shape)  # noqa: NPY002
        return super().act(observation, noise)


class Elephant(Waver):
    calls = 0

    def act(self, observation, noise):
        self.calls += 1
        return super().act(observation, noise + 0.1 * self.calls)


class Decided(Waver):
    def act(self, observation, noise):
        return super().act(observation, np.zeros_like(noise))


class Sociable(Waver):
    def act(self, observation, noise):
        return super().act({"prop": observation["prop"] - observation["prop"].mean(axis=0)}, noise)


class Peeking(Waver):
    def act(self, observation, noise):
        return super().act(observation, noise) * (observation["image.front"].mean() > 0)


class Vague(Waver):
    def fallbacks(self):
        return [0, 1, 0, 1]


class Whole(Waver):
    def fallbacks(self):
        return np.zeros(1, bool)


@pytest.mark.parametrize(
    ("kind", "violation"),
    [
        (Undecided, "which it resolves to something else again"),
        (Gullible, "accepts the option no_such_option=1"),
        (Weightless, "no WeightsInfo"),
        (Boastful, "lists the order 'vision>prop' and refuses it"),
        (Deaf, r"states modalities \('hearing',\)"),
        (Listed, r"states modalities \['prop'\]"),
        (Idle, "states n_action_steps = 0"),
        (Noisy, r"states noise_shape = \[3, 2\]"),
        (Short, r"of shape \(4, 2, 2\), not \(4, 3, 2\)"),
        (Double, "actions of float64, not float32"),
        (Listing, "returns list, no NumPy array"),
        (Infinite, "actions that are not finite"),
        (Strong, r"outside \[-1, 1\]"),
        (Scribbling, "edits the observation or the noise in place"),
        (NoiseEater, "edits the observation or the noise in place"),
        (Dicing, "answers equal observations and noise with other actions"),
        (Elephant, "answers equal observations and noise with other actions"),
        (Decided, r"asks for noise of shape \(3, 2\) and ignores it"),
        (Sociable, "answers row 0 differently when it is alone in the batch"),
        (Peeking, "reads key 'image.front', which is none of its modalities"),
        (Vague, r"says of its fallbacks \[0, 1, 0, 1\]: a bool array of shape \(4,\) is needed"),
        (Whole, r"a bool array of shape \(4,\) is needed"),
        (int, "is no subclass of fdp_bench.api.Policy"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_caught(toy, kind, violation):
    with pytest.raises(ConformanceError, match=violation) as caught:
        check_policy(kind, toy)

    assert "\n" not in str(caught.value)


def test_the_check_leaves_the_global_generators_as_they_were(toy):
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    check_policy(Waver, toy)

    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]

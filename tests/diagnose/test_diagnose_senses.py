import numpy as np
import pytest
from inspectors import Arrow

from fdp_bench.api import Inspector
from fdp_bench.diagnose.conditions import (
    AS_IT_IS,
    BASE_ALONE,
    Condition,
    altered_observation,
    conditions_of,
    donor_of,
)
from fdp_bench.diagnose.decisions import ROWS, Decision, Decisions
from fdp_bench.diagnose.senses import action_changes, contributions

MODALITIES = {"prop": ("prop",), "vision": ("image.front",), "tactile": ("tactile",)}


def decisions(episodes=6, length=5, seed=0):
    rng = np.random.default_rng(seed)

    def one(step):
        observation = {
            "prop": rng.uniform(-0.2, 0.2, (1, 2)).astype(np.float32),
            "image.front": rng.integers(100, 240, (1, 8, 8, 3), dtype=np.uint8),
        }
        return Decision(step, observation, rng.standard_normal(2, dtype=np.float32))

    return Decisions("tests", tuple(tuple(one(4 * k) for k in range(length)) for _ in range(episodes)))


class OneSense(Inspector):
    """Acts by `prop` alone, though it reads frames."""

    modalities = ("prop", "vision")

    def act(self, observation, noise, *, masked=(), base_only=False):
        assert not masked
        assert not base_only
        return np.repeat(observation["prop"], 3, axis=1)


def by_name(changes):
    return {each.condition: each for each in changes}


def measured(inspector, found=None):
    conditions = conditions_of(inspector, MODALITIES)
    return by_name(action_changes(inspector, found or decisions(), conditions, MODALITIES, 0))


def test_a_factorized_policy_is_asked_masked_swapped_black_and_without_its_residual():
    names = [condition.name for condition in conditions_of(Arrow(), MODALITIES)]

    assert names == [
        "as it is",
        "base alone",
        "prop masked",
        "prop swapped",
        "vision masked",
        "vision swapped",
        "vision black",
    ]


def test_a_black_box_is_neither_masked_nor_taken_apart():
    names = [condition.name for condition in conditions_of(OneSense(), MODALITIES)]

    assert names == ["as it is", "prop swapped", "vision swapped", "vision black"]


def test_only_the_named_sense_is_altered():
    rng = np.random.default_rng(0)
    seen = {"prop": rng.random((1, 2)), "image.front": rng.integers(1, 9, (1, 2, 2, 3))}
    donor = {key: value + 1 for key, value in seen.items()}

    swapped = altered_observation(seen, donor, Condition("x", swapped=("prop",)), MODALITIES)
    black = altered_observation(seen, donor, Condition("x", dark=("vision",)), MODALITIES)

    assert swapped["prop"] is donor["prop"]
    assert swapped["image.front"] is seen["image.front"]
    assert black["prop"] is seen["prop"]
    assert not black["image.front"].any()
    assert seen["image.front"].all()


@pytest.mark.parametrize("episodes", range(2, 9))
def test_every_episode_gives_its_senses_to_one_other(episodes):
    donors = [donor_of(index, episodes) for index in range(episodes)]

    assert sorted(donors) == list(range(episodes))
    assert all(donor != index for index, donor in enumerate(donors))


def test_a_donor_that_was_over_early_gives_its_last_decision():
    found = decisions(episodes=2, length=4)
    short = Decisions("tests", (found.episodes[0], found.episodes[1][:2]))

    assert short.donor(0, 3) is found.episodes[1][1]
    assert short.donor(0, 1) is found.episodes[1][1]
    assert short.donor(1, 3) is found.episodes[0][3]


def test_a_sense_that_is_not_used_moves_no_action():
    changes = measured(OneSense())

    assert changes["vision swapped"].change == changes["vision swapped"].high == 0.0
    assert changes["vision black"].change == 0.0


def test_swapping_the_only_sense_used_gives_unrelated_actions():
    change = measured(OneSense(), decisions(episodes=60))["prop swapped"]

    assert change.change == pytest.approx(2**0.5, abs=0.15)
    assert change.low < change.change < change.high


def test_change_is_relative_to_the_spread_of_the_actions():
    class Offset(OneSense):
        masks = True

        def act(self, observation, noise, *, masked=(), base_only=False):
            shift = 0.1 if "vision" in masked else 0.0
            return np.repeat(observation["prop"], 3, axis=1) + shift

    found = decisions()
    props = np.stack([decision.observation["prop"][0] for _, _, decision in found.rows()])
    expected = 0.1 / np.sqrt(((props - props.mean(0)) ** 2).mean())

    assert measured(Offset(), found)["vision masked"].change == pytest.approx(expected, rel=1e-5)


def test_another_noise_draw_is_the_yardstick():
    assert 0.0 < measured(Arrow())["other noise draw"].change < 0.5
    assert "other noise draw" not in measured(OneSense())


def test_a_policy_that_always_does_the_same_changes_by_nothing():
    class Still(OneSense):
        def act(self, observation, noise, *, masked=(), base_only=False):
            return np.zeros((len(observation["prop"]), 3, 2), np.float32)

    assert {each.change for each in measured(Still()).values()} == {0.0}


def test_the_policy_is_always_asked_for_as_many_rows():
    inspector = Arrow()

    measured(inspector, decisions(episodes=3, length=7))

    assert {rows for _, _, rows in inspector.asked} == {ROWS}


def test_leaving_the_residual_out_moves_the_actions_unless_it_is_silent():
    assert measured(Arrow())["base alone"].change > 0.1
    assert measured(Arrow(listens=0.0))["base alone"].change == 0.0


def test_contribution_is_traced_under_each_condition_that_leaves_the_residual_in():
    wanted = (AS_IT_IS, BASE_ALONE, Condition("vision black", dark=("vision",)))

    found = contributions(Arrow(), decisions(), wanted, MODALITIES)

    assert list(found) == ["as it is", "vision black"]
    assert found["vision black"].noise.mean() > 5 * found["as it is"].noise.mean()

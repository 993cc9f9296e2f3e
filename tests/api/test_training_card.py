from dataclasses import replace

import pytest

from fdp_bench.api import EpisodeRecord, EpisodeSpec, Training

SPEC = EpisodeSpec("fdp_bench/Lift-v1", "dp-dit@runs/a>b.safetensors?sampler=ddpm", "abc", "clean", 0.0, 3, 0)


def test_a_card_says_what_was_trained():
    card = {"train_demos": 25, "train_seed": 2, "variant": "zero_init=false"}

    assert Training.from_card(card) == Training(25, 2, "zero_init=false")


def test_an_older_card_says_it_among_its_determinants():
    card = {"determinants": {"train_demos": 100, "training": {"seed": 1, "num_demos": 100}}}

    assert Training.from_card(card) == Training(100, 1, "")


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"determinants": None},
        {"determinants": {"training": 3}},
        {"train_demos": "many"},
        {"train_seed": 2**63},
    ],
)
def test_a_card_that_does_not_say_leaves_it_open(card):
    assert Training.from_card(card) == Training(None, None, "")


def test_an_episode_is_the_same_whether_or_not_its_training_is_named():
    named = replace(SPEC, train_demos=10, train_seed=4, variant="steps=20")

    assert named == SPEC
    assert named.id == SPEC.id
    assert replace(SPEC, checkpoint="abd").id != SPEC.id


def test_records_with_and_without_the_training_compare_equal():
    plain = EpisodeRecord(SPEC, "ok", True, True, 9)
    named = replace(plain, spec=replace(SPEC, train_demos=10))

    assert plain.comparable() == named.comparable()
    assert EpisodeRecord.from_json(named.to_json()).spec.train_demos == 10


def test_the_bare_policy_leaves_out_the_path_of_the_weights():
    assert SPEC.bare_policy == "dp-dit?sampler=ddpm"
    assert replace(SPEC, policy="fdp:prop>vision").bare_policy == "fdp:prop>vision"

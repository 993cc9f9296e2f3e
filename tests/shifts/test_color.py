import numpy as np
import pytest
from comparing import frames, mean_pixel_change, play_clean, play_shifted, receipt_of
from fdp_shifts.color import Color

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.testing.play import same_observation, same_observations

PARTS = ("all", "object", "table", "light")
LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize("part", PARTS)
def test_severity_zero_is_the_identity(lift, part):
    assert same_observations(play_clean(lift), play_shifted(lift, Color, 0.0, part=part))


def test_the_same_seed_gives_the_same_frames(lift):
    first = play_shifted(lift, Color, 1.0)
    other = play_shifted(lift, Color, 1.0, seed=7)

    assert same_observations(first, play_shifted(lift, Color, 1.0))
    assert not same_observations(first, other)


def test_states_under_the_same_actions_equal_the_clean_ones(lift):
    clean, shifted = play_clean(lift), play_shifted(lift, Color, 1.0)

    assert frames(clean).tobytes() != frames(shifted).tobytes()
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


@pytest.mark.parametrize("part", PARTS)
def test_more_severity_changes_more_pixels(lift, part):
    changes = [mean_pixel_change(lift, Color, severity, part=part) for severity in LEVELS]

    assert changes == sorted(set(changes))


def test_frames_that_nobody_reads_need_not_be_drawn(lift):
    shown = play_shifted(lift, Color, 1.0).observations
    sparse = play_shifted(lift, Color, 1.0, drawn=(4,)).observations

    assert "image.wrist" not in sparse[0]
    assert same_observation(shown[4], sparse[4])


def test_the_scene_is_clean_again_without_the_shift(lift):
    clean = play_clean(lift)
    play_shifted(lift, Color, 1.0, seed=3)

    assert same_observations(clean, play_clean(lift))


def test_a_recolored_object_changes_only_where_it_is_seen(lift):
    clean = play_clean(lift, steps=0).observations[0]
    target = {key: lift.unwrapped.scene.segmentation(key) == 1 for key in ("image.agentview", "image.wrist")}
    shifted = play_shifted(lift, Color, 1.0, part="object", steps=0).observations[0]

    for key, seen in target.items():
        changed = (clean[key] != shifted[key]).any(axis=-1)
        assert not changed[~seen].any()
        assert changed[seen].mean() > 0.9


@pytest.mark.parametrize("part", ["object", "table"])
def test_the_direction_of_the_change_does_not_depend_on_severity_or_part(lift, part):
    paints = [
        receipt_of(lift, Color, severity, part=chosen).parameters[part]["rgb"]
        for severity, chosen in ((0.2, part), (1.0, part), (0.6, "all"))
    ]

    assert paints[0] == paints[1] == paints[2]


def test_each_part_is_touched_alone(toy):
    assert receipt_of(toy, Color, 1.0, part="table").parameters.keys() == {"table"}
    assert receipt_of(toy, Color, 1.0, part="light").parameters.keys() == {"light"}
    assert receipt_of(toy, Color, 1.0).parameters.keys() == {"object", "table", "light"}


def test_the_new_hue_is_far_from_the_old_one(toy):
    for seed in range(20):
        red, green, blue = receipt_of(toy, Color, 1.0, seed=seed, part="object").parameters["object"]["rgb"]
        assert red < max(green, blue) or abs(red - max(green, blue)) < 1e-9


def test_the_light_gets_dimmer_in_every_channel(toy):
    for seed in range(20):
        weak, strong = (
            np.array(receipt_of(toy, Color, severity, seed=seed).parameters["light"]["scale"])
            for severity in (0.2, 1.0)
        )
        assert (strong < weak).all()
        assert (weak < 1.0).all()


def test_a_color_hides_nothing(lift):
    receipt = receipt_of(lift, Color, 1.0)

    assert receipt.target_hidden == {"image.agentview": 0.0, "image.wrist": 0.0}


def test_a_scene_without_a_table_can_still_change_its_light(toy):
    toy.unwrapped.scene.material_groups = {"object": ("object",)}

    receipt_of(toy, Color, 1.0, part="light")
    with pytest.raises(UnsupportedShiftError, match=r"paints 'table', and .* only has object"):
        receipt_of(toy, Color, 1.0)


def test_an_unknown_part_is_explained_in_one_line(toy):
    with pytest.raises(ShiftConfigError) as caught:
        Color(toy, part="tabel")

    assert str(caught.value) == "option part=tabel of shift 'color' is not known; did you mean 'table'?"

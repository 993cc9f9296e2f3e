import gymnasium
import numpy as np
import pytest
from comparing import frames, mean_pixel_change, play_clean, play_shifted, receipt_of
from fdp_shifts.color import Color
from fdp_shifts.hues import AVOIDED_HUE_TURN, MIN_HUE_TURN, has_hue, hue_of

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.testing.play import same_observation, same_observations

PARTS = ("all", "object", "table", "light")
LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)
#: Hues of (object, table) that published runs drew with seeds 0 to 5.
PUBLISHED_HUES = {
    "Lift": [
        *[(0.371631, 0.482087), (0.725369, 0.861492), (0.640089, 0.71596)],
        *[(0.440489, 0.550763), (0.716096, 0.824257), (0.677013, 0.861582)],
    ],
    "Can": [
        *[(0.375275, 0.416794), (0.729013, 0.796199), (0.643733, 0.650666)],
        *[(0.444133, 0.48547), (0.71974, 0.758963), (0.680657, 0.796289)],
    ],
    "Square": [
        *[(0.481931, 0.482087), (0.835669, 0.861492), (0.750389, 0.71596)],
        *[(0.550789, 0.550763), (0.826396, 0.824257), (0.787313, 0.861582)],
    ],
    "Door": [
        *[(0.47613, 0.482087), (0.829868, 0.861492), (0.744588, 0.71596)],
        *[(0.544988, 0.550763), (0.820595, 0.824257), (0.781512, 0.861582)],
    ],
}


def task(name):
    return gymnasium.make(f"fdp_bench/{name}-v1", disable_env_checker=True, draw_images=False)


def mean_rgb(scene, part):
    return scene.part_rgba(part)[:, :3].mean(axis=0)


def hue_distance(hue, other):
    return abs((hue - other + 0.5) % 1.0 - 0.5)


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


@pytest.mark.parametrize("name", PUBLISHED_HUES)
def test_the_hues_of_published_tasks_are_drawn_as_ever(name):
    env = task(name)
    for seed, published in enumerate(PUBLISHED_HUES[name]):
        parameters = receipt_of(env, Color, 1.0, seed=seed).parameters
        drawn = [hue_of(parameters[part]["rgb"]) for part in ("object", "table")]
        assert drawn == pytest.approx(published, abs=2e-6)
    env.close()


def test_the_red_cube_is_never_as_green_as_the_one_that_it_is_stacked_on():
    env = task("Stack")
    scene = env.unwrapped.scene
    env.reset(seed=0)
    old, partner = (hue_of(mean_rgb(scene, part)) for part in ("object", "partner"))
    painted = []
    for seed in range(60):
        painted.append(hue_of(receipt_of(env, Color, 1.0, seed=seed).parameters["object"]["rgb"]))
        assert hue_distance(painted[-1], partner) >= AVOIDED_HUE_TURN
        assert hue_distance(painted[-1], old) >= MIN_HUE_TURN
    assert np.ptp(painted) > 0.2
    for severity in LEVELS:
        for seed in range(6):
            receipt_of(env, Color, severity, seed=seed, part="object")
            seen = mean_rgb(scene, "object")
            assert not has_hue(seen) or hue_distance(hue_of(seen), partner) > 0.9 * AVOIDED_HUE_TURN
    env.close()


@pytest.mark.parametrize(
    ("rgb", "is_avoided"), [((0.1, 0.2, 0.7), True), ((0.1, 0.7, 0.2), True), ((0.5, 0.5, 0.5), False)]
)
def test_only_a_partner_with_a_hue_is_avoided(toy, monkeypatch, rgb, is_avoided):
    scene = toy.unwrapped.scene
    plain = [receipt_of(toy, Color, 1.0, seed=seed).parameters["object"]["rgb"] for seed in range(20)]
    own = scene.part_rgba
    scene.material_groups = {**scene.material_groups, "partner": ("ball",)}
    monkeypatch.setattr(
        scene, "part_rgba", lambda part: np.array([[*rgb, 1.0]]) if part == "partner" else own(part)
    )

    shifted = [receipt_of(toy, Color, 1.0, seed=seed).parameters["object"]["rgb"] for seed in range(20)]

    assert (shifted != plain) is is_avoided
    if is_avoided:
        nearest = min(hue_distance(hue_of(seen), hue_of(rgb)) for seen in shifted)
        assert nearest >= AVOIDED_HUE_TURN


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

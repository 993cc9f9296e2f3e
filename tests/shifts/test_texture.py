import numpy as np
import pytest
from comparing import frames, mean_pixel_change, play_clean, play_shifted, receipt_of
from fdp_shifts.color import Color
from fdp_shifts.patterns import CELL_M, KINDS, Pattern, draw_pattern
from fdp_shifts.texture import MIXED, SHADE, Texture

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.testing import check_shift
from fdp_bench.testing.play import same_observations

LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.fixture
def uploads(lift, monkeypatch):
    """Ids of the textures uploaded, in order."""
    uploaded = []
    renderer = lift.unwrapped.scene._renderer
    original = renderer.upload_texture
    monkeypatch.setattr(
        renderer, "upload_texture", lambda texture: (uploaded.append(texture), original(texture))
    )
    return uploaded


@pytest.mark.parametrize("kind", ["mixed", *KINDS])
def test_the_shift_keeps_the_rules(toy, kind):
    check_shift("texture", toy, options={"kind": kind})


def test_states_under_the_same_actions_equal_the_clean_ones(lift):
    clean, shifted = play_clean(lift), play_shifted(lift, Texture, 1.0)

    assert frames(clean).tobytes() != frames(shifted).tobytes()
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


def test_the_surfaces_are_clean_again_without_the_shift(lift):
    clean = play_clean(lift)
    play_shifted(lift, Texture, 1.0, seed=3)

    assert same_observations(clean, play_clean(lift))


def test_more_severity_changes_more_pixels(lift):
    changes = [mean_pixel_change(lift, Texture, severity) for severity in LEVELS]

    assert changes == sorted(set(changes))


def test_each_texture_is_uploaded_once_an_episode_and_once_to_restore_it(lift, uploads):
    lift.reset(seed=0)
    uploads.clear()
    shift = Texture(lift, severity=0.6)
    shift.reset(seed=0)
    for _ in range(3):
        shift.step(np.zeros(7, np.float32))
    assert len(uploads) == len(set(uploads)) >= 2
    painted = sorted(uploads)

    uploads.clear()
    lift.reset(seed=0)
    lift.step(np.zeros(7, np.float32))
    assert sorted(uploads) == painted


def test_a_texture_that_two_shifts_change_is_drawn_as_the_last_left_it(lift):
    both = Texture(Color(lift, severity=0.6, part="table"), severity=0.6, part="table", kind="plain")
    both.reset(seed=0)
    wanted = both.receipt().parameters["table"]["rgb"][0]

    np.testing.assert_allclose(lift.unwrapped.scene.part_rgba("table")[0, :3], wanted, atol=3e-3)


def test_at_level_3_a_plain_table_fills_robot_colosseums_range(lift):
    scene, drawn = lift.unwrapped.scene, []
    for seed in range(15):
        stated = receipt_of(lift, Texture, 0.6, seed=seed, kind="plain", part="table").parameters["table"][
            "rgb"
        ][0]
        np.testing.assert_allclose(scene.part_rgba("table")[:, :3], [stated] * 2, atol=3e-3)
        drawn.append(stated)

    assert np.min(drawn) >= 0.25
    assert np.max(drawn) <= 1.0
    assert (np.ptp(drawn, axis=0) > 0.5).all()


def test_at_level_5_the_colours_are_the_targets_own_and_a_shade_of_it(lift):
    lift.reset(seed=0)
    target = lift.unwrapped.scene.part_rgba("object")[:, :3].mean(axis=0)
    weak, half, full = (
        np.array(receipt_of(lift, Texture, severity).parameters["table"]["rgb"])
        for severity in (0.6, 0.8, 1.0)
    )

    np.testing.assert_allclose(full, [target, SHADE * target], atol=1e-6)
    np.testing.assert_allclose(half, (weak + full) / 2)


def test_a_choice_of_part_leaves_the_others_pattern_as_it_was(lift):
    both = receipt_of(lift, Texture, 0.6).parameters

    assert both.keys() == {"table", "walls"}
    for part in both:
        assert receipt_of(lift, Texture, 0.6, part=part).parameters == {part: both[part]}


@pytest.mark.parametrize("kind", MIXED)
def test_every_kind_of_pattern_is_drawn(toy, kind):
    assert kind in {
        receipt_of(toy, Texture, 0.6, seed=seed).parameters["table"]["kind"] for seed in range(25)
    }


@pytest.mark.parametrize("kind", MIXED)
def test_a_pattern_has_both_colours_and_nothing_else(kind):
    pattern = draw_pattern(kind, np.random.default_rng(0))
    x, y = np.meshgrid(np.arange(0.0, 1.6, 0.005), np.arange(0.0, 1.6, 0.005))
    share = pattern.mix(x, y)

    assert share.shape == x.shape
    assert 0.0 <= share.min() < 0.05
    assert 0.95 < share.max() <= 1.0
    assert 0.35 < share.mean() < 0.65


def test_cells_of_a_checker_have_their_edge_in_metres():
    edge = 0.05
    pattern = Pattern("checker", edge, 0.0, 0)
    along = pattern.mix(np.arange(0.0025, 1.0, 0.005), np.full(200, 0.01))

    assert CELL_M[0] <= edge <= CELL_M[1]
    assert np.flatnonzero(np.diff(along)).tolist() == list(range(9, 199, 10))


def test_the_pictures_of_the_reference_profile_wear_the_pattern_too():
    env = make_base("fdp_bench/Lift-v1", "reference")
    try:
        clean = play_clean(env, steps=0)
        shifted = play_shifted(env, Texture, 1.0, steps=0)
        assert np.abs(frames(clean).astype(int) - frames(shifted)).mean() > 20.0
        assert same_observations(clean, play_clean(env, steps=0))
    finally:
        env.close()


def test_a_scene_without_such_a_part_is_refused(toy):
    with pytest.raises(UnsupportedShiftError, match=r"paints walls, and .* only has object, robot, table"):
        receipt_of(toy, Texture, 0.6, part="walls")


def test_an_unknown_kind_is_explained_in_one_line(toy):
    with pytest.raises(ShiftConfigError) as caught:
        Texture(toy, kind="cheker")

    assert str(caught.value) == "option kind=cheker of shift 'texture' is not known; did you mean 'checker'?"

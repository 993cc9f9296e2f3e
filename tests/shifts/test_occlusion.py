import gymnasium
import numpy as np
import pytest
from comparing import frames, mean_pixel_change, play_clean, play_shifted, receipt_of
from fdp_shifts.occlusion import Card, DarkSpells, Occlusion, card_area_fraction, loss_steps

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.testing.play import same_observation, same_observations

KINDS = ("card", "intermittent", "camera")
LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_severity_zero_is_the_identity(lift, kind):
    assert same_observations(play_clean(lift), play_shifted(lift, Occlusion, 0.0, kind=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_frames(lift, kind):
    first = play_shifted(lift, Occlusion, 1.0, kind=kind)
    play_shifted(lift, Occlusion, 1.0, seed=7, kind=kind)

    assert same_observations(first, play_shifted(lift, Occlusion, 1.0, kind=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_states_under_the_same_actions_equal_the_clean_ones(lift, kind):
    clean, shifted = play_clean(lift), play_shifted(lift, Occlusion, 1.0, kind=kind)

    assert frames(clean).tobytes() != frames(shifted).tobytes()
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


@pytest.mark.parametrize("kind", KINDS)
def test_the_environments_own_frames_stay_as_they_are(toy, kind):
    assert not play_shifted(toy, Occlusion, 1.0, kind=kind).edited_in_place


def test_a_larger_card_changes_more_pixels(lift):
    changes = [mean_pixel_change(lift, Occlusion, severity) for severity in LEVELS]

    assert changes == sorted(set(changes))


@pytest.mark.parametrize("kind", ["intermittent", "camera"])
def test_more_severity_changes_more_pixels_over_an_episode(toy, kind):
    changes = [mean_pixel_change(toy, Occlusion, severity, steps=40, kind=kind) for severity in LEVELS]

    assert changes == sorted(set(changes))


@pytest.mark.parametrize("kind", KINDS)
def test_frames_that_nobody_reads_need_not_be_drawn(toy, kind):
    steps, read = 30, (0, 7, 8, 15, 16, 30)
    shown = play_shifted(toy, Occlusion, 0.6, steps=steps, kind=kind).observations
    sparse = play_shifted(toy, Occlusion, 0.6, steps=steps, kind=kind, drawn=read).observations

    assert "image.front" not in sparse[1]
    assert all(same_observation(shown[step], sparse[step]) for step in read)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_what_a_level_covers_stays_covered_at_the_next(toy, kind, seed):
    covered = np.zeros((45, 2, 32, 32), dtype=bool)
    for severity in LEVELS:
        shift = Occlusion(toy, severity=severity, kind=kind)
        shift.reset(seed=seed)
        before, covered = covered, np.zeros_like(covered)
        for shift.step_count in range(45):
            for camera, key in enumerate(shift.camera_keys):
                mask = shift.covers(key, (32, 32))
                covered[shift.step_count, camera] = False if mask is None else mask
        assert (covered | ~before).all()
        assert covered.sum() > before.sum()


@pytest.mark.parametrize("center", [(0.5, 0.5), (0.0, 1.0), (0.93, 0.4)])
@pytest.mark.parametrize("severity", LEVELS)
def test_the_card_covers_its_share_of_the_frame_wherever_it_lies(center, severity):
    area = card_area_fraction(severity)
    mask = Card(center, area).covers(0, (200, 300))

    assert mask.mean() == pytest.approx(area, abs=0.005)


def test_the_card_is_flat_grey_and_stays_where_it_is(lift):
    clean, shifted = frames(play_clean(lift)), frames(play_shifted(lift, Occlusion, 0.6))
    changed = (clean != shifted).any(axis=-1)
    covered = changed[:2]

    assert (shifted[:2][covered] == 128).all()
    for step in range(1, len(changed) // 2):
        assert (shifted[2 * step : 2 * step + 2][covered] == 128).all()


def test_the_strongest_card_hides_the_target_from_every_camera(lift):
    for seed in range(3):
        hidden = receipt_of(lift, Occlusion, 1.0, seed=seed).target_hidden
        assert hidden.keys() == {"image.agentview", "image.wrist"}
        assert min(hidden.values()) > 0.9


def test_a_spell_of_darkness_comes_in_each_period_and_lasts_its_share():
    spells = DarkSpells(share=0.36, period=25, phase=11, seed=3)
    dark = np.array([spells.is_dark(step) for step in range(14, 14 + 25 * 40)]).reshape(40, 25)

    assert set(dark.sum(axis=1)) <= {8, 9, 10}
    assert dark.mean() == pytest.approx(0.36, abs=0.02)
    assert (np.abs(np.diff(dark.astype(int), axis=1)).sum(axis=1) <= 2).all()
    assert len({row.tobytes() for row in dark}) > 5


@pytest.mark.parametrize(
    ("severity", "steps"),
    [(0.0, [None, None]), (0.25, [20, None]), (0.5, [0, None]), (0.75, [0, 20]), (1.0, [0, 0])],
)
def test_cameras_are_lost_one_after_another(severity, steps):
    assert loss_steps(severity, cameras=2) == steps


def test_lost_cameras_are_black_from_their_step_on(toy):
    shift = Occlusion(toy, severity=0.2, kind="camera")
    shift.reset(seed=0)
    lost = shift.receipt().parameters["cameras"]
    first = min(lost, key=lambda key: lost[key]["lost_from_step"] or 10**9)
    black = []
    for _ in range(30):
        observation = shift.step(np.zeros(2, np.float32))[0]
        black.append(not observation[first].any())

    assert sorted(value["lost_from_step"] is None for value in lost.values()) == [False, True]
    assert black.index(True) + 1 == lost[first]["lost_from_step"] == 24
    assert all(black[23:])


def test_only_the_named_camera_is_covered(toy):
    one = play_shifted(toy, Occlusion, 0.6, steps=0, cameras="hand").observations[0]
    clean = play_clean(toy, steps=0).observations[0]

    assert np.array_equal(one["image.front"], clean["image.front"])
    assert not np.array_equal(one["image.hand"], clean["image.hand"])


@pytest.mark.parametrize("kind", ["card", "intermittent"])
def test_a_cameras_cover_does_not_depend_on_which_others_are_covered(toy, kind):
    both, one = (
        receipt_of(toy, Occlusion, 0.6, kind=kind, cameras=cameras).parameters["cameras"]["image.hand"]
        for cameras in ("all", "hand")
    )

    assert one == both


def test_receipt_states_the_parameters_and_what_is_hidden(lift):
    receipt = receipt_of(lift, Occlusion, 0.6)

    assert receipt.shift == "occlusion@3"
    assert receipt.parameters["area_fraction"] == pytest.approx(0.27)
    assert receipt.parameters["cameras"].keys() == {"image.agentview", "image.wrist"}
    assert receipt.pixel_change.keys() == {"image.agentview", "image.wrist"}
    assert receipt.gripper_hidden.keys() == {"image.agentview", "image.wrist"}


def test_without_a_scene_the_card_lies_about_the_middle():
    class Bare(gymnasium.Env):
        observation_space = gymnasium.spaces.Dict(
            {"image.top": gymnasium.spaces.Box(0, 255, (40, 60, 3), np.uint8)}
        )
        action_space = gymnasium.spaces.Box(-1, 1, (1,))

        def reset(self, *, seed=None, options=None):
            return {"image.top": np.zeros((40, 60, 3), np.uint8)}, {}

    shift = Occlusion(Bare(), severity=0.6)
    covered = shift.reset(seed=0)[0]["image.top"][..., 0] == 128

    assert covered[20, 30]
    assert covered.mean() == pytest.approx(0.27, abs=0.02)
    assert shift.receipt().target_hidden == {}


def test_an_environment_without_cameras_is_refused():
    with pytest.raises(UnsupportedShiftError, match="has no observation key image"):
        Occlusion(gymnasium.make("CartPole-v1"), severity=0.6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "crad"}, "option kind=crad of shift 'occlusion' is not known; did you mean 'card'?"),
        ({"cameras": "frnt"}, "names unknown camera 'frnt'; did you mean 'front'?"),
        ({"camera": "front"}, "shift 'occlusion' has no option 'camera'; did you mean 'cameras'?"),
        ({"severity": 1.2}, "severity 1.2 of shift 'occlusion' is not a number in [0, 1]"),
        ({"severity": "high"}, "severity 'high' of shift 'occlusion' is not a number in [0, 1]"),
    ],
)
def test_bad_configuration_is_explained_in_one_line(toy, options, message):
    with pytest.raises(ShiftConfigError) as caught:
        Occlusion(toy, **options)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

import numpy as np
import pytest
from comparing import frames, mean_pixel_change, play_clean, play_shifted, receipt_of
from fdp_shifts.camera_pose import CameraPose, offset_range_m, rotation_range_rad

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.testing import check_shift
from fdp_bench.testing.play import same_observations

LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize("options", [{}, {"cameras": "all"}, {"cameras": "hand", "part": "rotation"}])
def test_the_shift_keeps_the_rules(toy, options):
    check_shift("camera_pose", toy, options=options)


def test_states_under_the_same_actions_equal_the_clean_ones(lift):
    clean, shifted = play_clean(lift), play_shifted(lift, CameraPose, 1.0, cameras="all")

    assert frames(clean).tobytes() != frames(shifted).tobytes()
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


def test_the_cameras_are_back_without_the_shift(lift):
    clean = play_clean(lift)
    play_shifted(lift, CameraPose, 1.0, seed=3, cameras="all")

    assert same_observations(clean, play_clean(lift))


def test_more_severity_changes_more_pixels(lift):
    changes = [mean_pixel_change(lift, CameraPose, severity) for severity in LEVELS]

    assert changes == sorted(set(changes))


def test_more_severity_changes_more_of_what_the_wrist_sees_until_the_hand_fills_the_view(lift):
    changes = [mean_pixel_change(lift, CameraPose, severity, cameras="wrist") for severity in LEVELS]

    assert changes[0] < changes[1] < changes[2] < min(changes[3:])


def test_only_the_camera_in_the_room_moves_unless_the_wrist_is_named(lift):
    fixed, wrist = (receipt_of(lift, CameraPose, 0.6, cameras=cameras) for cameras in ("fixed", "wrist"))

    assert fixed.pixel_change["image.wrist"] == 0.0 < fixed.pixel_change["image.agentview"]
    assert wrist.pixel_change["image.agentview"] == 0.0 < wrist.pixel_change["image.wrist"]


def test_level_1_is_robot_colosseums_range():
    assert offset_range_m(0.2) == pytest.approx(0.1)
    assert rotation_range_rad(0.2) == pytest.approx(0.05)


def test_offsets_fill_the_stated_box(toy):
    drawn = [receipt_of(toy, CameraPose, 0.2, seed=seed).parameters["cameras"] for seed in range(200)]
    offsets = np.array([each["image.front"]["offset_m"] for each in drawn])
    rotations = np.array([each["image.front"]["rotation_rad"] for each in drawn])

    assert (np.abs(offsets).max(axis=0) <= 0.1).all()
    assert (np.ptp(offsets, axis=0) > 0.18).all()
    assert (np.abs(rotations).max(axis=0) <= 0.05).all()
    assert (np.ptp(rotations, axis=0) > 0.09).all()


def test_the_camera_stands_where_the_receipt_says(lift):
    model = lift.unwrapped.scene.model
    lift.reset(seed=0)
    clean = model.cam("agentview").pos.copy()
    moved = receipt_of(lift, CameraPose, 0.6).parameters["cameras"]["image.agentview"]

    np.testing.assert_allclose(model.cam("agentview").pos - clean, moved["offset_m"], atol=1e-12)


def test_a_camera_on_the_robot_moves_by_a_tenth(lift):
    moved = receipt_of(lift, CameraPose, 1.0, cameras="all").parameters["cameras"]

    assert np.abs(moved["image.wrist"]["offset_m"]).max() <= 0.05


def test_direction_and_other_cameras_do_not_depend_on_severity_part_or_choice(lift):
    weak = receipt_of(lift, CameraPose, 0.2).parameters["cameras"]["image.agentview"]
    strong = receipt_of(lift, CameraPose, 1.0, cameras="all").parameters["cameras"]["image.agentview"]
    alone = receipt_of(lift, CameraPose, 1.0, part="position").parameters["cameras"]["image.agentview"]

    np.testing.assert_allclose(5 * np.array(weak["offset_m"]), strong["offset_m"])
    assert alone == {"offset_m": strong["offset_m"], "rotation_rad": [0.0, 0.0, 0.0]}


def test_what_leaves_the_view_is_counted_as_hidden(lift):
    shares = []
    for seed in range(12):
        receipt = receipt_of(lift, CameraPose, 1.0, seed=seed)
        seen = (lift.unwrapped.scene.segmentation("image.agentview") == 1).any()
        assert (receipt.target_hidden["image.agentview"] == 1.0) == (not seen)
        shares.append(receipt.target_hidden["image.agentview"])
    assert 1.0 in shares
    assert min(shares) < 0.5


def test_a_card_lies_over_the_target_in_the_moved_view(lift):
    from fdp_bench.runner.rollout.environment import wrap
    from fdp_bench.specs import parse_shifts

    both = wrap(lift, parse_shifts("occlusion@5+camera_pose@1"))
    both.reset(seed=0)

    assert isinstance(both.env, CameraPose)
    assert both.receipt().target_hidden["image.agentview"] > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cameras": "frnt"}, "names unknown camera 'frnt'; did you mean 'front'?"),
        (
            {"part": "positon"},
            "option part=positon of shift 'camera_pose' is not known; did you mean 'position'?",
        ),
    ],
)
def test_bad_configuration_is_explained_in_one_line(toy, options, message):
    with pytest.raises(ShiftConfigError) as caught:
        CameraPose(toy, **options)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scene_whose_cameras_all_ride_on_the_robot_is_refused(toy):
    toy.unwrapped.scene.fixed_cameras = ()

    with pytest.raises(UnsupportedShiftError, match=r"try camera_pose\?cameras=all"):
        receipt_of(toy, CameraPose, 0.6)

"""`noise`, `blur`, `jpeg`, `brightness` and `contrast`."""

from io import BytesIO

import gymnasium
import numpy as np
import pytest
from comparing import mean_pixel_change, play_clean, play_shifted, receipt_of
from corruptions_shown import photograph
from fdp_shifts import imagenet_c
from fdp_shifts.blur import Blur, motion_blur, smear, smear_weights
from fdp_shifts.jpeg import Jpeg, jpeg_quality, through_jpeg
from fdp_shifts.noise import Noise, noise_sigma
from fdp_shifts.tone import Brightness, Contrast, brighten, brightness_step, contrast_factor, flatten
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy.ndimage import correlate1d

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.testing import check_shift
from fdp_bench.testing.play import same_observation

SHIFTS = (Noise, Blur, Jpeg, Brightness, Contrast)
LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("noise", {}),
        ("noise", {"pattern": "fixed"}),
        ("blur", {}),
        ("jpeg", {}),
        ("brightness", {}),
        ("brightness", {"direction": "darker"}),
        ("contrast", {"cameras": "hand"}),
    ],
)
def test_they_keep_the_rules_of_shifts(toy, name, options):
    check_shift(name, toy, options=options)


@pytest.mark.parametrize(
    ("parameter", "levels"),
    [
        (noise_sigma, (0.08, 0.12, 0.18, 0.26, 0.38)),
        (brightness_step, (0.1, 0.2, 0.3, 0.4, 0.5)),
        (contrast_factor, (0.4, 0.3, 0.2, 0.1, 0.05)),
        (jpeg_quality, (25, 18, 15, 10, 7)),
        (smear, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))),
    ],
)
def test_levels_are_those_of_imagenet_c(parameter, levels):
    assert np.allclose([parameter(severity) for severity in LEVELS], levels, atol=1e-12)


def test_between_levels_parameters_lie_between():
    assert imagenet_c.at_severity((2.0, 4.0, 4.0, 8.0, 9.0), 0.1, clean=1.0) == pytest.approx(1.5)
    assert imagenet_c.at_severity((2.0, 4.0, 4.0, 8.0, 9.0), 0.7, clean=1.0) == pytest.approx(6.0)
    assert noise_sigma(0.3) == pytest.approx(0.10)


@pytest.mark.parametrize("kind", SHIFTS)
def test_more_severity_changes_more_pixels(toy, kind):
    changes = [mean_pixel_change(toy, kind, severity) for severity in (0.05, *LEVELS)]

    assert changes == sorted(set(changes))


@pytest.mark.parametrize("kind", SHIFTS)
def test_states_under_the_same_actions_equal_the_clean_ones(lift, kind):
    clean, shifted = play_clean(lift), play_shifted(lift, kind, 1.0)

    assert not same_observation(clean.observations[-1], shifted.observations[-1])
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


@pytest.mark.parametrize("kind", SHIFTS)
def test_only_the_named_camera_is_altered(toy, kind):
    clean = play_clean(toy, steps=0).observations[0]
    both = play_shifted(toy, kind, 1.0, steps=0).observations[0]
    one = play_shifted(toy, kind, 1.0, steps=0, cameras="hand").observations[0]

    assert np.array_equal(one["image.front"], clean["image.front"])
    assert not np.array_equal(one["image.hand"], clean["image.hand"])
    assert np.array_equal(one["image.hand"], both["image.hand"])


@pytest.mark.parametrize("kind", SHIFTS)
def test_an_environment_without_cameras_is_refused(kind):
    with pytest.raises(UnsupportedShiftError, match="has no observation key image"):
        kind(gymnasium.make("CartPole-v1"))


def test_an_unknown_camera_is_explained_in_one_line(toy):
    with pytest.raises(ShiftConfigError, match="of shift 'jpeg' names unknown camera 'frnt'; did you mean"):
        Jpeg(toy, cameras="frnt")


def grey_toy(toy, level=128):
    toy.unwrapped.scene.frames = lambda keys: {key: np.full((32, 32, 3), level, np.uint8) for key in keys}
    return toy


def test_noise_has_the_stated_deviation_in_each_channel_apart(toy):
    shown = play_shifted(grey_toy(toy), Noise, 0.4, steps=20).observations
    errors = np.stack([observation["image.front"] for observation in shown]).astype(float) - 128

    assert errors.mean() == pytest.approx(0.0, abs=0.5)
    assert errors.std() == pytest.approx(0.12 * 255, rel=0.01)
    assert abs(np.corrcoef(errors[..., 0].ravel(), errors[..., 1].ravel())[0, 1]) < 0.03


def test_fresh_noise_differs_between_steps_and_cameras_and_fixed_noise_between_cameras(toy):
    fresh = play_shifted(grey_toy(toy), Noise, 0.4).observations
    fixed = play_shifted(grey_toy(toy), Noise, 0.4, pattern="fixed").observations

    assert not np.array_equal(fresh[1]["image.front"], fresh[2]["image.front"])
    assert not np.array_equal(fresh[1]["image.front"], fresh[1]["image.hand"])
    assert np.array_equal(fixed[1]["image.front"], fixed[2]["image.front"])
    assert not np.array_equal(fixed[1]["image.front"], fixed[1]["image.hand"])


def test_noise_of_a_level_is_that_of_another_scaled(toy):
    weak, strong = (
        play_shifted(grey_toy(toy), Noise, severity, steps=1).observations[1]["image.hand"].astype(float)
        - 128
        for severity in (0.2, 0.4)
    )

    assert np.abs(strong - 1.5 * weak).max() <= 1.5


def test_a_level_smear_along_the_rows_is_a_half_gaussian():
    frame = photograph(imagenet_c.MOTION_BLUR_SIDE)
    weights = np.exp(-(np.arange(21) ** 2) / (2 * 3.0**2))
    expected = correlate1d(frame.astype(float), weights / weights.sum(), axis=1, mode="nearest", origin=-10)

    assert np.abs(motion_blur(frame, radius=10, sigma=3, angle=0) - expected).max() <= 0.51


def test_a_slanted_smear_lies_where_imagemagick_puts_it():
    """Taps of MagickMotionBlurImage lie at whole pixels along the line; ours are shared out between them."""
    frame = np.zeros((224, 224, 3), np.uint8)
    frame[100:116, 100:116] = 255
    angle = np.radians(30)
    taps = np.arange(31)
    xs = np.ceil(taps * np.cos(angle) - 0.5).astype(int)
    ys = np.ceil(taps * np.sin(angle) - 0.5).astype(int)
    weights = smear_weights(15, 8)
    expected = sum(
        weight * np.roll(frame.astype(float), (-y, -x), axis=(0, 1))
        for x, y, weight in zip(xs, ys, weights, strict=True)
    )
    blurred = motion_blur(frame, radius=15, sigma=8, angle=30).astype(float)

    assert np.corrcoef(blurred.ravel(), expected.ravel())[0, 1] > 0.99
    assert blurred.sum() == pytest.approx(expected.sum(), rel=0.01)


def test_a_smear_covers_the_same_share_of_the_frame_at_every_resolution():
    def share(side):
        frame = np.zeros((side, side, 3), np.uint8)
        frame[:, side // 2 :] = 255
        row = motion_blur(frame, radius=20, sigma=15, angle=0)[0, :, 0]
        return ((row > 2) & (row < 253)).mean()

    assert share(84) == pytest.approx(share(336), abs=0.02)
    assert share(224) == pytest.approx(40 / 224, abs=0.02)


def test_a_smear_grows_steadily_between_levels():
    for severity in np.arange(0.02, 1.0, 0.02):
        before, after = (smear_weights(*smear(s)) for s in (severity, severity + 1e-6))
        longest = max(len(before), len(after))
        padded = [np.pad(weights, (0, longest - len(weights))) for weights in (before, after)]
        assert np.abs(padded[0] - padded[1]).max() < 1e-3


def test_the_smears_direction_is_drawn_for_each_camera_and_lasts_an_episode(toy):
    angles = [receipt_of(toy, Blur, 0.6, seed=seed).parameters["angle_deg"] for seed in range(30)]

    assert len({angle for drawn in angles for angle in drawn.values()}) == 60
    assert all(-45 <= angle <= 45 for drawn in angles for angle in drawn.values())
    assert angles[3] == receipt_of(toy, Blur, 1.0, seed=3).parameters["angle_deg"]


def test_frames_go_through_pillows_jpeg(toy):
    frame = photograph()
    file = BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=15)

    assert np.array_equal(through_jpeg(frame, 15), np.array(Image.open(file)))
    assert receipt_of(toy, Jpeg, 0.6).parameters == {"quality": 15}


@pytest.mark.parametrize("step", [0.1, 0.5, -0.1, -0.5])
def test_brightness_is_a_step_of_the_value(step):
    frame = photograph()
    hsv = rgb_to_hsv(frame / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + step, 0, 1)

    assert np.abs(brighten(frame, step) - 255 * hsv_to_rgb(hsv)).max() <= 0.51


def test_black_becomes_grey():
    assert (brighten(np.zeros((2, 2, 3), np.uint8), 0.2) == 51).all()


def test_darker_is_the_same_step_down(toy):
    assert receipt_of(toy, Brightness, 0.6).parameters["value_step"] == pytest.approx(0.3)
    assert receipt_of(toy, Brightness, 0.6, direction="darker").parameters["value_step"] == pytest.approx(
        -0.3
    )


def test_contrast_keeps_each_channels_mean_and_scales_its_deviation():
    frame = photograph()
    flat = flatten(frame, 0.2)

    assert np.allclose(flat.mean(axis=(0, 1)), frame.mean(axis=(0, 1)), atol=0.1)
    assert np.allclose(flat.std(axis=(0, 1)), 0.2 * frame.std(axis=(0, 1)), rtol=0.02)

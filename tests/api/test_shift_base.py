"""What the base classes of shifts do for every shift."""

import gymnasium
import numpy as np
import pytest

from fdp_bench.api import (
    Observation,
    ObservationShift,
    SceneShift,
    ShiftConfigError,
    UnsupportedShiftError,
    image_keys,
    scene_of,
)
from fdp_bench.toy import TOY_TASK

CAMERAS = {"image.front", "image.hand"}


class Half(ObservationShift):
    """Blackens the left half of each frame."""

    name = "half"

    def covers(self, key, shape):
        mask = np.zeros(shape, dtype=bool)
        mask[:, : shape[1] // 2] = True
        return mask

    def alter(self, observation: Observation) -> Observation:
        altered = dict(observation)
        for key in image_keys(observation):
            altered[key] = observation[key].copy()
            altered[key][self.covers(key, altered[key].shape[:2])] = 0
        return altered


class Invert(ObservationShift):
    name = "invert"

    def alter(self, observation):
        return {key: 255 - value if key in CAMERAS else value for key, value in observation.items()}


class Ball(SceneShift):
    """Puts a ball upon the target."""

    name = "ball"
    slot = "ball_0"

    def dress(self, scene):
        x, y, _ = scene.target_position
        scene.place_distractor(self.slot, xy=(float(x) + 0.05, float(y)), yaw=0.0)
        return {"slot": self.slot}


class Green(SceneShift):
    name = "green"

    def dress(self, scene):
        scene.tint_part("table", np.array([0.0, 1.0, 0.0]), amount=self.severity)
        return {}


class AlteredScene:
    """The toy's scene with another segmentation: `alter(key, labels)`."""

    def __init__(self, scene, alter):
        self._scene = scene
        self._alter = alter

    def __getattr__(self, name):
        return getattr(self._scene, name)

    def segmentation(self, key):
        return self._alter(key, self._scene.segmentation(key))


@pytest.fixture
def toy():
    return gymnasium.make(TOY_TASK, disable_env_checker=True)


@pytest.mark.parametrize("kind", [Half, Green])
def test_the_effect_is_measured_when_nobody_reads_the_first_frame(toy, kind):
    read = kind(toy, severity=1.0)
    read.reset(seed=3)
    expected = read.receipt()
    toy.unwrapped.draw_images = False
    unread = kind(toy, severity=1.0)
    observation, _ = unread.reset(seed=3)

    assert expected.pixel_change.keys() == CAMERAS
    assert min(expected.pixel_change.values()) > 0.0
    assert unread.receipt() == expected
    assert observation.keys() == {"prop"}
    assert toy.unwrapped.draw_images is False


def test_what_an_observation_shift_covers_counts_as_hidden(toy):
    shift = Half(toy, severity=1.0)
    shift.reset(seed=0)
    labels = toy.unwrapped.scene.segmentation("image.front")
    columns = np.nonzero(labels == 1)[1]

    assert shift.receipt().target_hidden["image.front"] == pytest.approx((columns < 16).mean())
    assert shift.receipt().gripper_hidden["image.hand"] == pytest.approx(0.5, abs=0.1)


def test_a_camera_that_does_not_see_the_target_is_left_out(toy):
    toy.unwrapped.scene = AlteredScene(
        toy.unwrapped.scene, lambda key, labels: np.where((key == "image.hand") & (labels == 1), 0, labels)
    )
    shift = Half(toy, severity=1.0)
    shift.reset(seed=0)

    assert shift.receipt().target_hidden.keys() == {"image.front"}
    assert shift.receipt().gripper_hidden.keys() == CAMERAS


def test_a_shift_that_covers_nothing_hides_nothing(toy):
    shift = Invert(toy, severity=1.0)
    shift.reset(seed=0)

    assert shift.receipt().target_hidden == {"image.front": 0.0, "image.hand": 0.0}


def test_what_a_scene_shift_puts_before_the_target_counts_as_hidden(toy):
    scene = toy.unwrapped.scene
    toy.unwrapped.scene = AlteredScene(
        scene, lambda key, labels: np.where((labels == 1) & bool(scene._distractors), 3, labels)
    )
    shift = Ball(toy, severity=1.0)
    shift.reset(seed=0)

    assert shift.receipt().target_hidden["image.front"] == 1.0
    assert shift.receipt().gripper_hidden["image.front"] == 0.0


def test_scene_shifts_compose_and_each_measures_its_own_effect(toy):
    inner = Green(toy, severity=1.0)
    outer = Ball(inner, severity=1.0)
    composed, _ = outer.reset(seed=0)
    alone, _ = Green(toy, severity=1.0).reset(seed=0)
    change = np.abs(composed["image.front"].astype(int) - alone["image.front"]).mean()

    assert inner.receipt().pixel_change["image.front"] > 10.0
    assert outer.receipt().pixel_change["image.front"] == pytest.approx(change)
    assert 0.0 < change < 10.0


def test_the_scene_is_dressed_anew_each_episode(toy):
    shift = Green(toy, severity=0.5)
    first, _ = shift.reset(seed=0)
    shift.reset(seed=1)
    again, _ = shift.reset(seed=0)

    assert np.array_equal(first["image.front"], again["image.front"])


def test_an_observation_shift_sees_the_dressed_scene(toy):
    green, _ = Green(toy, severity=1.0).reset(seed=0)
    inverted, _ = Invert(Green(toy, severity=1.0), severity=1.0).reset(seed=0)

    assert np.array_equal(inverted["image.front"], 255 - green["image.front"])


def test_a_scene_shift_around_an_observation_shift_is_refused(toy):
    with pytest.raises(ShiftConfigError, match="'green' alters the scene and cannot wrap 'invert'"):
        Green(Invert(toy))


def test_a_scene_shift_without_a_scene_is_unsupported():
    env = gymnasium.make("CartPole-v1")

    with pytest.raises(UnsupportedShiftError, match="'green' alters the scene"):
        Green(env).reset(seed=0)
    with pytest.raises(UnsupportedShiftError):
        scene_of(env, "any")


def test_composed_shifts_draw_from_streams_of_their_own(toy):
    one, other = Half(toy), Invert(toy)
    one.reset(seed=0, options={"shift_seed": 5})
    other.reset(seed=0, options={"shift_seed": 5})

    assert one.rng.random() != other.rng.random()


def test_the_stream_follows_the_shift_seed_alone(toy):
    shift = Half(toy)
    draws = []
    for seed, shift_seed in ((0, 5), (1, 5), (0, 6)):
        shift.reset(seed=seed, options={"shift_seed": shift_seed})
        draws.append(shift.rng.random())

    assert draws[0] == draws[1] != draws[2]


def test_a_shift_does_not_hide_the_environments_own_spec(toy):
    assert Half(toy).spec.id == "fdp_bench_toy/Toy-v0"


def test_there_is_no_receipt_before_a_reset(toy):
    with pytest.raises(RuntimeError, match="no receipt before the first reset"):
        Half(toy).receipt()


@pytest.mark.parametrize("severity", [-0.1, 1.1, float("nan"), "3", None])
def test_a_severity_out_of_range_is_refused(toy, severity):
    with pytest.raises(ShiftConfigError, match="is not a number in"):
        Half(toy, severity=severity)


def test_options_that_equal_their_default_are_left_out_of_the_spec(toy):
    class Choosy(Half):
        option_values = {"side": ("left", "right"), "width": "3"}  # noqa: RUF012

    assert str(Choosy(toy, side="left", width=3).shift_spec) == "half@3"
    assert str(Choosy(toy, side="right", width=4).shift_spec) == "half@3?side=right&width=4"

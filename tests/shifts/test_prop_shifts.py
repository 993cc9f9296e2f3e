"""`prop_noise`, `prop_bias`, `prop_drift`, `prop_delay`, `prop_dropout` and `prop_freeze`."""

import gymnasium
import numpy as np
import pytest
from comparing import play_clean, play_shifted
from corruptions_shown import ArmEnv, readings
from fdp_shifts.prop_errors import PropBias, PropDrift, PropNoise
from fdp_shifts.prop_faults import PropDelay, PropDropout, PropFreeze
from fdp_shifts.reading_errors import turned
from scipy.spatial.transform import Rotation

from fdp_bench.api import ShiftConfigError, UnsupportedShiftError
from fdp_bench.testing import check_shift

SHIFTS = (PropNoise, PropBias, PropDrift, PropDelay, PropDropout, PropFreeze)
ERRORS = (PropNoise, PropBias, PropDrift)
LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)
POSE = slice(2, 9)
QUATERNION = slice(5, 9)


def truth(steps):
    return np.array([ArmEnv().reading(step) for step in range(steps + 1)], dtype=np.float64)


def angles(shown, expected):
    """Rotation vectors between two series of quaternions, shape (N, 3), radians."""
    return (Rotation.from_quat(shown) * Rotation.from_quat(expected).inv()).as_rotvec()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prop_noise", {}),
        ("prop_bias", {"position": "0.1"}),
        ("prop_drift", {}),
        ("prop_delay", {}),
        ("prop_delay", {"parts": "pose"}),
        ("prop_dropout", {}),
        ("prop_dropout", {"reads": "last"}),
        ("prop_freeze", {}),
    ],
)
def test_they_keep_the_rules_of_shifts(toy, name, options):
    check_shift(name, toy, options=options, steps=12)


@pytest.mark.parametrize("kind", SHIFTS)
def test_only_prop_changes_and_the_states_stay(lift, kind):
    clean, shifted = play_clean(lift, steps=5), play_shifted(lift, kind, 1.0, steps=5)

    assert not np.array_equal(clean.observations[5]["prop"], shifted.observations[5]["prop"])
    for before, after in zip(clean.observations, shifted.observations, strict=True):
        for key in ("image.agentview", "image.wrist"):
            assert np.array_equal(before[key], after[key])
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


@pytest.mark.parametrize("kind", SHIFTS)
@pytest.mark.parametrize("severity", [0.2, 1.0])
def test_readings_stay_in_the_observation_space(kind, severity):
    env = ArmEnv()
    for seed in range(5):
        shown, _ = readings(env, kind, severity, steps=60, seed=seed)
        space = env.observation_space["prop"]
        assert (shown >= space.low).all()
        assert (shown <= space.high).all()


@pytest.mark.parametrize("kind", ERRORS)
def test_a_wrong_rotation_is_a_rotation(kind):
    shown, _ = readings(ArmEnv(), kind, 1.0, steps=40)

    assert np.allclose(np.linalg.norm(shown[:, QUATERNION], axis=1), 1.0, atol=1e-6)
    assert (shown[:, 5] >= 0.0).all()


def test_a_rotation_is_shown_with_the_sign_that_the_environment_allows():
    env = ArmEnv()
    env.reading = lambda step: np.array([0, 0, 0, 0, 0, 0.02, 0.0, -0.9998, 0.0, 0.04], np.float32)
    shown, _ = readings(env, PropNoise, 1.0, steps=200)
    free = ArmEnv()
    free.reading = env.reading
    free.observation_space["prop"].low[5] = -1.0
    either, _ = readings(free, PropNoise, 1.0, steps=200)

    assert (either[:, 5] < 0.0).mean() > 0.3
    assert (shown[:, 5] >= 0.0).all()
    assert np.allclose(np.abs((shown * either)[:, QUATERNION].sum(axis=1)), 1.0, atol=1e-5)


def test_noise_has_the_stated_deviations_in_radians_and_metres():
    steps = 1000
    shown, shift = readings(ArmEnv(), PropNoise, 0.6, steps=steps)
    errors = shown - truth(steps)

    assert errors[:, :2].std() == pytest.approx(0.15, rel=0.05)
    assert errors[:, 2:5].std() == pytest.approx(0.03, rel=0.05)
    assert angles(shown[:, QUATERNION], truth(steps)[:, QUATERNION]).std() == pytest.approx(0.15, rel=0.05)
    assert errors[:, 9].std() == pytest.approx(0.012, rel=0.05)
    assert shift.receipt().parameters["scale"] == pytest.approx(
        {"joint": 0.15, "position": 0.03, "rotation": 0.15, "finger": 0.012}
    )


def test_noise_of_the_joints_and_of_the_hand_are_independent():
    shown, _ = readings(ArmEnv(), PropNoise, 0.6, steps=100)
    errors = (shown - truth(100))[:, :5]

    assert np.abs(np.corrcoef(errors.T) - np.eye(5)).max() < 0.4


def test_a_bias_is_constant_and_at_least_half_its_scale():
    shown, _ = readings(ArmEnv(), PropBias, 0.6, steps=20)
    errors = (shown - truth(20))[:, [0, 1, 2, 3, 4, 9]]
    scales = np.array([0.15, 0.15, 0.03, 0.03, 0.03, 0.012])

    assert np.allclose(errors, errors[0], atol=1e-6)
    assert (np.abs(errors[0]) >= 0.5 * scales - 1e-6).all()
    assert (np.abs(errors[0]) <= scales + 1e-6).all()


def test_a_bias_grows_with_severity_in_one_direction():
    errors = [readings(ArmEnv(), PropBias, severity)[0][0] - truth(0)[0] for severity in LEVELS]

    for error, severity in zip(errors, LEVELS, strict=True):
        assert np.allclose(error[:5], severity * errors[-1][:5], atol=1e-6)


def test_a_bias_differs_between_episodes():
    one, other = (readings(ArmEnv(), PropBias, 1.0, seed=seed)[0] for seed in (0, 1))

    assert not np.allclose(one, other)


def test_a_drift_starts_at_nothing_and_reaches_the_bias_scale_in_two_seconds():
    shown, _ = readings(ArmEnv(), PropDrift, 0.6, steps=80)
    joints = np.abs((shown - truth(80))[:, :2])

    assert np.allclose(joints[0], 0.0)
    assert np.allclose(joints[40], 2 * joints[20], atol=1e-6)
    assert ((joints[40] >= 0.075) & (joints[40] <= 0.15 + 1e-6)).all()
    assert np.allclose(joints[80], 2 * joints[40], atol=1e-6)


@pytest.mark.parametrize("kind", ERRORS)
def test_a_scale_of_zero_leaves_its_readings_alone(kind):
    shown, shift = readings(ArmEnv(), kind, 1.0, steps=20, joint=0, finger=0, rotation=0)
    changed = (np.abs(shown - truth(20)) > 1e-6).any(axis=0)

    assert changed.tolist() == [False] * 2 + [True] * 3 + [False] * 5
    assert shift.receipt().parameters["scale"]["position"] == 0.05


def test_components_that_nobody_describes_count_in_their_own_unit(toy):
    plain = gymnasium.make("fdp_bench.toy:fdp_bench_toy/Toy-v0", disable_env_checker=True)
    plain.unwrapped.metadata = {**plain.unwrapped.metadata, "components": {}}

    assert PropBias(plain, severity=0.4).scales["prop"].tolist() == pytest.approx([0.1, 0.1])
    assert PropBias(toy, severity=0.4).scales["prop"].tolist() == pytest.approx([0.02, 0.02])
    assert PropBias(plain, severity=0.4, other=2).scales["prop"].tolist() == pytest.approx([0.8, 0.8])


def test_late_readings_are_those_of_earlier_steps():
    shown, shift = readings(ArmEnv(), PropDelay, 0.6, steps=40)

    assert np.allclose(shown, truth(40)[np.maximum(np.arange(41) - 14, 0)])
    assert shift.receipt().parameters == {"delay_steps": 14, "parts": ["fingers", "joints", "pose"]}


def test_a_part_may_be_late_alone():
    shown, _ = readings(ArmEnv(), PropDelay, 0.6, steps=40, parts="pose")
    late = truth(40)[np.maximum(np.arange(41) - 14, 0)]

    assert np.allclose(shown[:, POSE], late[:, POSE])
    assert np.allclose(shown[:, :2], truth(40)[:, :2])


def test_lost_messages_read_zero_for_a_whole_device():
    shown, shift = readings(ArmEnv(), PropDropout, 0.6, steps=400)
    lost = np.stack(
        [(shown[:, part] == 0.0).all(axis=1) for part in (slice(0, 2), POSE, slice(9, 10))], axis=1
    )

    assert not lost[0, 1:].any()
    assert lost[1:].mean(axis=0) == pytest.approx([0.342] * 3, abs=0.08)
    assert abs(np.corrcoef(lost[1:, 0], lost[1:, 1])[0, 1]) < 0.2
    assert np.allclose(shown[~lost[:, 1]][:, POSE], truth(400)[~lost[:, 1]][:, POSE])
    assert shift.receipt().parameters["link_seeds"].keys() == {"joints", "pose", "fingers"}


def test_lost_messages_may_read_the_last_that_arrived():
    zeros, _ = readings(ArmEnv(), PropDropout, 0.6, steps=60)
    held, _ = readings(ArmEnv(), PropDropout, 0.6, steps=60, reads="last")
    for step in range(1, 61):
        lost = not zeros[step, POSE].any()
        expected = held[step - 1, POSE] if lost else truth(60)[step, POSE]
        assert np.allclose(held[step, POSE], expected)


def test_a_choice_of_parts_leaves_their_losses_as_they_were():
    both, _ = readings(ArmEnv(), PropDropout, 0.6, steps=60)
    one, _ = readings(ArmEnv(), PropDropout, 0.6, steps=60, parts="pose")

    assert np.array_equal(one[:, POSE], both[:, POSE])
    assert np.allclose(one[:, :2], truth(60)[:, :2])


def test_devices_stick_one_after_another_and_for_good():
    shown, shift = readings(ArmEnv(), PropFreeze, 0.5, steps=60)
    stuck_from = shift.receipt().parameters["stuck_from_step"]
    columns = {"joints": 0, "pose": 4}

    assert sorted(map(str, stuck_from.values())) == ["0", "20", "None"]
    for device, column in columns.items():
        steps = np.arange(61) if stuck_from[device] is None else np.minimum(np.arange(61), stuck_from[device])
        assert np.allclose(shown[:, column], truth(60)[steps, column])


def test_at_full_severity_all_readings_stay_those_of_reset():
    shown, _ = readings(ArmEnv(), PropFreeze, 1.0, steps=60)

    assert np.array_equal(shown, np.repeat(shown[:1], 61, axis=0))


def test_the_order_in_which_devices_stick_is_drawn():
    firsts = set()
    for seed in range(20):
        stuck_from = readings(ArmEnv(), PropFreeze, 0.3, seed=seed)[1].receipt().parameters["stuck_from_step"]
        firsts |= {device for device, step in stuck_from.items() if step is not None}

    assert firsts == {"joints", "pose", "fingers"}


def test_errors_on_lost_readings_are_refused_by_nobody_and_stay_finite():
    env = PropNoise(PropDropout(ArmEnv(), severity=1.0), severity=1.0)
    env.reset(seed=0)
    for _ in range(30):
        assert np.isfinite(env.step(np.zeros(1, np.float32))[0]["prop"]).all()


@pytest.mark.parametrize("vector", [(0.3, -0.2, 0.5), (0.0, 0.0, 0.0), (3.0, 0.0, 0.0)])
def test_a_turned_rotation_is_scipys(vector):
    quaternion = Rotation.from_euler("xyz", [2.9, 0.2, 0.4]).as_quat()
    expected = Rotation.from_rotvec(vector) * Rotation.from_quat(quaternion)
    result = turned(quaternion, np.array(vector))

    assert np.allclose((Rotation.from_quat(result) * expected.inv()).magnitude(), 0.0, atol=1e-7)
    assert result @ quaternion >= 0.0


@pytest.mark.parametrize("kind", SHIFTS)
def test_an_environment_without_the_sense_is_refused(kind):
    with pytest.raises(UnsupportedShiftError, match=r"alters the modality 'prop', which .* does not have"):
        kind(gymnasium.make("CartPole-v1"))


def test_a_wrong_description_of_the_components_is_refused():
    env = ArmEnv()
    for kinds in (("joint",) * 3, ("joint",) * 7 + ("quaternion",) * 3):
        env.metadata = {**ArmEnv.metadata, "components": {"prop": kinds}}
        with pytest.raises(UnsupportedShiftError, match="one for each is needed, and four for a quaternion"):
            PropNoise(env)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (PropNoise, {"joint": "-1"}, "option joint=-1 of shift 'prop_noise' is no number >= 0; try joint=0"),
        (PropBias, {"positon": "1"}, "shift 'prop_bias' has no option 'positon'; did you mean 'position'?"),
        (PropDelay, {"parts": "hand"}, "option parts=hand of shift 'prop_delay' names unknown part 'hand'"),
        (PropFreeze, {"parts": "jonts"}, "did you mean 'joints'?"),
        (PropDropout, {"reads": "none"}, "option reads=none of shift 'prop_dropout' is not known"),
    ],
)
def test_bad_configuration_is_explained_in_one_line(kind, options, message):
    with pytest.raises(ShiftConfigError) as caught:
        kind(ArmEnv(), **options)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

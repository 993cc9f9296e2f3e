"""`frame_delay` and `frame_drop`."""

import numpy as np
import pytest
from comparing import frames, play_clean, play_shifted, receipt_of
from fdp_shifts.frame_timing import FrameDelay, FrameDrop
from fdp_shifts.timing import LossyLink, delay_steps, lost_share

from fdp_bench.api import ShiftConfigError, ShiftSpec, image_keys
from fdp_bench.runner.rollout.environment import frame_lags, wrap
from fdp_bench.runner.rollout.frame_schedule import FrameSchedule
from fdp_bench.testing import check_shift
from fdp_bench.testing.play import same_observation

LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [("frame_delay", {}), ("frame_delay", {"steps": "5", "cameras": "hand"}), ("frame_drop", {})],
)
def test_they_keep_the_rules_of_shifts(toy, name, options):
    check_shift(name, toy, options=options, steps=16)


@pytest.mark.parametrize("kind", [FrameDelay, FrameDrop])
def test_states_under_the_same_actions_equal_the_clean_ones(lift, kind):
    clean, shifted = play_clean(lift, steps=6), play_shifted(lift, kind, 1.0, steps=6)

    assert not np.array_equal(frames(clean), frames(shifted))
    assert shifted.states == clean.states
    assert shifted.outcomes == clean.outcomes


def test_the_delay_grows_with_the_square_of_severity_up_to_two_seconds():
    assert [delay_steps(severity) for severity in LEVELS] == [2, 6, 14, 26, 40]
    assert delay_steps(0.0) == 0
    assert delay_steps(0.01) == 1


def test_late_frames_are_those_of_earlier_steps(toy):
    clean = play_clean(toy, steps=20).observations
    late = play_shifted(toy, FrameDelay, 0.4, steps=20).observations

    for step in range(21):
        for key in image_keys(clean[0]):
            assert np.array_equal(late[step][key], clean[max(step - 6, 0)][key])
        assert np.array_equal(late[step]["prop"], clean[step]["prop"])


def test_a_delay_reads_a_single_earlier_frame(toy):
    env = wrap(toy, [ShiftSpec("frame_delay", 0.6)])

    assert frame_lags(env) == (0, 14)
    assert receipt_of(toy, FrameDelay, 0.6, steps=20).parameters == {"delay_steps": 7}


@pytest.mark.parametrize(
    "shifts",
    [
        ["frame_delay"],
        ["frame_drop"],
        ["frame_drop", "frame_delay"],
        ["frame_delay", "frame_drop", "noise"],
        ["occlusion", "frame_delay"],
    ],
)
def test_what_a_policy_reads_does_not_depend_on_which_other_frames_are_drawn(toy, shifts):
    specs = [ShiftSpec(name, 0.6, {"kind": "intermittent"} if name == "occlusion" else {}) for name in shifts]
    schedule = FrameSchedule(n_obs_steps=2, n_action_steps=8, lags=frame_lags(wrap(toy, specs)))

    def play(draws):
        env = wrap(toy, specs)
        shown = [env.reset(seed=1, options={"shift_seed": 1})[0]]
        actions = np.random.default_rng(0).uniform(-1, 1, (39, 2)).astype(np.float32)
        for step, action in enumerate(actions, start=1):
            env.unwrapped.draw_images = draws(step)
            shown.append(env.step(action)[0])
        env.unwrapped.draw_images = True
        return shown

    everything, sparse = play(lambda step: True), play(schedule.draws)
    read = [step for step in range(40) if step % 8 in (0, 7)]

    assert all(same_observation(everything[step], sparse[step]) for step in read)


def test_unread_frames_are_not_drawn_for_a_delay(toy):
    schedule = FrameSchedule(2, 8, lags=frame_lags(wrap(toy, [ShiftSpec("frame_delay", 0.4)])))

    assert [step for step in range(17) if schedule.draws(step)] == [0, 1, 2, 7, 8, 9, 10, 15, 16]


def test_a_frame_that_arrived_stands_until_the_next(toy):
    clean = play_clean(toy, steps=30).observations
    shown = play_shifted(toy, FrameDrop, 0.6, steps=30).observations
    shift = FrameDrop(toy, severity=0.6)
    shift.reset(seed=0, options={"shift_seed": 0})
    links = shift.receipt().parameters

    assert links["lost_share"] == pytest.approx(0.342)
    for key, seed in links["link_seeds"].items():
        link = LossyLink(seed, links["lost_share"])
        for step in range(31):
            assert np.array_equal(shown[step][key], clean[link.latest(step)][key])


def test_cameras_lose_frames_apart_and_a_choice_leaves_the_other_as_it_was(toy):
    both = receipt_of(toy, FrameDrop, 0.6).parameters["link_seeds"]
    one = receipt_of(toy, FrameDrop, 0.6, cameras="hand").parameters["link_seeds"]

    assert both["image.front"] != both["image.hand"]
    assert one == {"image.hand": both["image.hand"]}


def test_a_link_loses_its_share_and_always_brings_the_first_message():
    link = LossyLink(seed=3, share=0.57)
    lost = [link.is_lost(step) for step in range(4000)]

    assert not lost[0]
    assert np.mean(lost) == pytest.approx(0.57, abs=0.02)


def test_the_lost_share_grows_with_the_square_of_severity():
    assert [round(lost_share(severity), 3) for severity in LEVELS] == [0.038, 0.152, 0.342, 0.608, 0.95]


def test_what_a_link_brings_does_not_depend_on_who_asks_when():
    asked_once, asked_often = LossyLink(5, 0.9), LossyLink(5, 0.9)
    steps = [asked_often.latest(step) for step in range(80)]

    assert asked_once.latest(79) == steps[79]
    assert [asked_once.latest(step) for step in range(80)] == steps


def test_an_outage_ends_after_three_seconds():
    link = LossyLink(seed=0, share=1.0)

    assert [link.latest(step) for step in (59, 60, 119, 120)] == [0, 60, 60, 120]


def test_more_severity_loses_more_and_what_was_lost_stays_lost():
    before = set()
    for severity in LEVELS[:4]:
        link = LossyLink(9, lost_share(severity))
        lost = {step for step in range(400) if link.is_lost(step)}
        assert before < lost
        before = lost


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            FrameDelay,
            {"steps": "0"},
            "option steps=0 of shift 'frame_delay' is no number in [1, 400]; try steps=1",
        ),
        (FrameDelay, {"steps": "2.5"}, "is no whole number in [1, 400]; try steps=2"),
        (FrameDelay, {"steps": "999"}, "try steps=400"),
        (FrameDrop, {"share": "most"}, "option share=most of shift 'frame_drop' is no number in [0, 1]"),
        (FrameDrop, {"share": "inf"}, "is no number in [0, 1]; try share=1"),
        (FrameDrop, {"share": "nan"}, "is no number in [0, 1]"),
    ],
)
def test_bad_numbers_are_explained_in_one_line(toy, kind, options, message):
    with pytest.raises(ShiftConfigError) as caught:
        kind(toy, **options)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

import pytest

from fdp_bench.runner.rollout.frame_schedule import FrameSchedule


def drawn(steps=17, **facts):
    schedule = FrameSchedule(**{"n_obs_steps": 2, "n_action_steps": 8, **facts})
    return [step for step in range(steps) if schedule.draws(step)]


def test_only_the_frames_before_a_decision_are_drawn():
    assert drawn() == [0, 7, 8, 15, 16]


def test_one_observation_of_a_step_by_step_policy_is_every_frame():
    assert drawn(5, n_obs_steps=1, n_action_steps=1) == [0, 1, 2, 3, 4]


def test_a_history_longer_than_a_chunk_is_every_frame():
    assert drawn(5, n_obs_steps=9) == [0, 1, 2, 3, 4]


def test_a_blind_policy_needs_none():
    assert drawn(reads_images=False) == []


def test_a_shift_gets_the_earlier_frames_that_it_reads():
    assert drawn(lags=(0, 3)) == [0, 4, 5, 7, 8, 12, 13, 15, 16]


def test_a_lag_reaches_over_several_chunks():
    assert drawn(n_action_steps=4, lags=(0, 9)) == sorted(
        {0, 3, 4, 7, 8, 11, 12, 15, 16}
        | {step - 9 for step in range(9, 30) if step % 4 in (0, 3)} & {*range(17)}
    )


@pytest.mark.parametrize("reads_images", [True, False])
def test_a_film_strip_needs_the_frames_at_decisions(reads_images):
    assert {0, 8, 16} <= {*drawn(reads_images=reads_images, keeps_decisions=True)}


def test_a_video_needs_all():
    assert drawn(5, reads_images=False, keeps_all=True) == [0, 1, 2, 3, 4]

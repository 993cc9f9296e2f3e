"""Thresholds from clean episodes: known values, and the guarantee by simulation."""

import numpy as np
import pytest
from fdp_policies.guard.conformal import FALSE_ALARMS, chunk_scores, conformal_limits, quantile_order

from fdp_bench.api import SpecError


def episodes(rng, count, *, chunks=7):
    """Signals of clean episodes, the two correlated within a chunk and chunks within an episode."""
    level = rng.normal(size=(count, 1, 1))
    shared = rng.normal(size=(count, chunks, 1))
    own = rng.normal(size=(count, chunks, 2))
    return np.exp(0.5 * level + 0.5 * shared + 0.5 * own).astype(np.float32)


def has_alarm(signals, limits):
    return bool((signals > limits.thresholds).all(axis=1).any())


@pytest.mark.parametrize(("count", "order"), [(19, 19), (20, 20), (39, 38), (40, 39), (99, 95), (400, 381)])
def test_the_order_is_the_smallest_that_bounds_the_probability_of_exceeding_it(count, order):
    assert quantile_order(count) == order
    # Whole numbers: a new score is above this one with probability 1 - order / (count + 1).
    assert (
        round(1 / FALSE_ALARMS) * (count + 1 - order)
        <= count + 1
        < round(1 / FALSE_ALARMS) * (count + 2 - order)
    )


@pytest.mark.parametrize("count", [0, 1, 18])
def test_too_few_episodes_are_refused_with_the_least_number(count):
    with pytest.raises(SpecError, match=f"{count} episodes .* use at least 19$"):
        quantile_order(count)


def test_a_score_is_the_lower_rank_and_grows_beyond_the_reference():
    reference = np.array([[1, 10], [2, 20], [3, 30], [4, 40]], np.float32)
    signals = np.array([[2.5, 10.5], [5, 15], [8, 60], [4, 40], [0.5, 99]], np.float32)

    assert chunk_scores(signals, reference).tolist() == [0.25, 0.25, 1.5, 0.75, 0.0]


def test_thresholds_are_those_of_a_hand_made_calibration():
    reference = np.arange(1, 101, dtype=np.float32)[:, None]
    # Nineteen quiet episodes and one whose largest chunk lies between the 60th and 61st reference value.
    scored = [np.array([[1.0], [2.0]], np.float32)] * 19 + [np.array([[60.5], [3.0]], np.float32)]

    limits = conformal_limits(scored, reference)

    assert (limits.order, limits.level, limits.thresholds.tolist()) == (20, 0.6, [61.0])


def test_thresholds_say_what_the_scores_say():
    rng = np.random.default_rng(0)
    reference = np.concatenate(episodes(rng, 30))
    for scale in (0.3, 1.0, 3.0):
        scored = episodes(rng, 40) * np.float32(scale)
        limits = conformal_limits(scored, reference)
        above = chunk_scores(np.concatenate(scored), reference) > limits.level
        exceeding = (np.concatenate(scored) > limits.thresholds).all(axis=1)
        assert above.tolist() == exceeding.tolist()
        assert sum(has_alarm(signals, limits) for signals in scored) == 40 - limits.order


def test_clean_episodes_raise_an_alarm_in_one_of_twenty_at_most():
    rng = np.random.default_rng(1)
    alarms = []
    for _ in range(400):
        reference = np.concatenate(episodes(rng, 40))
        limits = conformal_limits(episodes(rng, 40), reference)
        alarms += [has_alarm(signals, limits) for signals in episodes(rng, 20)]

    # 2 of 41 is what an exact rank gives; the standard error of 20 episodes a calibration is 0.3 points.
    assert np.mean(alarms) == pytest.approx(2 / 41, abs=0.008)

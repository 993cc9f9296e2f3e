import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdp_bench.stats import TrainingResult, data_efficiency_curve, wilson_interval


def trainings(demonstrations: int, successes: list[int], episodes: int = 50) -> list[TrainingResult]:
    return [TrainingResult(demonstrations, seed, count, episodes) for seed, count in enumerate(successes)]


def test_points_ascend_with_the_demonstrations() -> None:
    curve = data_efficiency_curve(trainings(100, [45]) + trainings(10, [5]) + trainings(25, [20]))
    assert [point.demonstrations for point in curve.points] == [10, 25, 100]
    assert [point.rate for point in curve.points] == [0.1, 0.4, 0.9]


def test_three_seeds_have_their_range_and_each_seed() -> None:
    point = data_efficiency_curve(trainings(10, [25, 10, 35])).points[0]
    assert (point.band, point.n_seeds, point.episodes) == ("range", 3, 150)
    assert point.seed_rates == (0.5, 0.2, 0.7)
    assert (point.low, point.high) == (0.2, 0.7)


@pytest.mark.parametrize("successes", [[30], [30, 40]])
def test_fewer_seeds_have_wilsons_interval_and_the_caption_says_so(successes: list[int]) -> None:
    curve = data_efficiency_curve(trainings(10, successes))
    point = curve.points[0]
    assert point.band == "episodes"
    assert (point.low, point.high) == wilson_interval(sum(successes), 50 * len(successes))
    assert curve.caption.startswith(f"Only {len(successes)} training seed")
    assert "says nothing about another training" in curve.caption


def test_caption_tells_points_with_seeds_from_those_without() -> None:
    curve = data_efficiency_curve(
        trainings(10, [5, 6, 7]) + trainings(25, [9, 9, 9, 9]) + trainings(50, [30]) + trainings(100, [40])
    )
    assert "Band: range of 3 to 4 training seeds." in curve.caption
    assert "Only 1 training seed at 50 and 100 demonstrations" in curve.caption


def test_table_has_one_row_a_point() -> None:
    table = data_efficiency_curve(trainings(10, [5]) + trainings(50, [20, 30, 40])).to_table()
    assert table["demonstrations"].tolist() == [10, 50]
    assert table["band"].tolist() == ["episodes", "range"]
    assert list(data_efficiency_curve([]).to_table().columns) == list(table.columns)


@given(successes=st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_bands_hold_the_rate_and_stay_inside_the_unit_range(successes: list[int]) -> None:
    point = data_efficiency_curve(trainings(10, successes)).points[0]
    assert 0.0 <= point.low <= point.rate + 1e-12
    assert point.rate - 1e-12 <= point.high <= 1.0


def test_a_seed_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        data_efficiency_curve([TrainingResult(10, 0, 1, 5), TrainingResult(10, 0, 2, 5)])


@pytest.mark.parametrize("counts", [(0, 0, 1, 5), (10, 0, 6, 5), (10, 0, 0, 0)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        TrainingResult(*counts)

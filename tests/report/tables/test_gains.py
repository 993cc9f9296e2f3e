"""Gains under a shift beside the base's own success."""

from dataclasses import replace

import pytest
from fake_suites import BASE, FDP, suite_runs

from fdp_bench.report.figures.gain_plot import gain_plot, gain_points
from fdp_bench.report.figures.plots import compose
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.gains import gain_table


def only(runs: Runs, *policies: str) -> Runs:
    kept = tuple(record for record in runs.records if record.spec.bare_policy in policies)
    return replace(runs, records=kept)


def rate(runs: Runs, policy: str, shift: str, seed: int) -> float:
    outcomes = [
        record.success_once
        for record in runs.records
        if (record.spec.bare_policy, record.spec.shift, record.spec.train_seed) == (policy, shift, seed)
    ]
    return sum(outcomes) / len(outcomes)


def test_a_row_is_fdp_minus_a_joint_policy_of_its_seed_over_the_clean_success_of_its_base() -> None:
    runs = suite_runs(1, 2, 3)
    table = gain_table(runs)
    assert len(table) == 2 * 2 * 3
    for row in table.to_dict("records"):
        seed, shift = row["train_seed"], row["shift"]
        assert row["policy"] == FDP
        assert row["base_clean_rate"] == rate(runs, BASE, "clean", seed)
        assert row["gain"] == pytest.approx(
            rate(runs, FDP, shift, seed) - rate(runs, row["against"], shift, seed)
        )
    assert set(table["against"]) == {"dp-dit", "dp-unet"}


def test_only_episodes_that_both_have_are_compared() -> None:
    runs = suite_runs(1, 1, 1)
    half = [r for r in runs.records if r.spec.index < 25 or not r.spec.policy.startswith("dp-dit")]
    row = gain_table(replace(runs, records=tuple(half))).set_index("against").loc["dp-dit"]
    # The first episodes of each arm succeed, so that half of them have more than half of the successes.
    assert row["pairs"] == 25
    assert row["rate"] == min(2 * rate(runs, FDP, row["shift"], 0), 1)


@pytest.mark.parametrize("held", [(FDP, "dp-dit"), (FDP, BASE), (BASE, "dp-dit")])
def test_without_fdp_its_base_or_a_joint_policy_there_is_nothing_to_draw(held: tuple[str, ...]) -> None:
    runs = suite_runs(1, 1, 1)
    assert gain_table(only(runs, *held)).empty
    assert not gain_table(only(runs, FDP, BASE, "dp-dit")).empty


def test_seeds_of_a_point_are_joined_and_sizes_are_points_of_their_own() -> None:
    points = gain_points(gain_table(suite_runs(2, 1, 3, demos=(10, 100))).to_dict("records"))
    assert len(points) == 2 * 1 * 2 * 2
    assert {len(point["gains"]) for point in points} == {3}
    assert {point["train_demos"] for point in points} == {10, 100}


@pytest.mark.parametrize(("tasks", "shifts", "seeds"), [(1, 1, 1), (1, 3, 2), (4, 3, 3)])
def test_each_seed_is_a_small_mark_and_their_mean_a_large_one(tasks: int, shifts: int, seeds: int) -> None:
    table = gain_table(suite_runs(tasks, shifts, seeds))
    figure = compose(gain_plot(table))
    assert [axes.get_title() for axes in figure.axes] == [
        f"{FDP}\nminus {name}" for name in ("dp-dit", "dp-unet")
    ]
    for axes, against in zip(figure.axes, ("dp-dit", "dp-unet"), strict=True):
        marks = {5.0: 0, 10.0: 0}
        for line in axes.lines:
            if len(line.get_xdata()) and line.get_marker() != "None":
                marks[line.get_markersize()] += len(line.get_xdata())
        assert marks == {10.0: tasks * shifts, 5.0: tasks * shifts * seeds if seeds > 1 else 0}
        gains = 100 * table.loc[table["against"] == against, "gain"]
        low, high = axes.get_ylim()
        assert low < gains.min()
        assert gains.max() < high
        assert low < 0 < high
        assert 0 in [line.get_ydata()[0] for line in axes.lines if line.get_transform() != axes.transData]


def test_the_legend_names_colours_marks_and_sizes() -> None:
    figure = compose(gain_plot(gain_table(suite_runs(2, 2, 3))))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        *("color?part=object, level 3", "occlusion?kind=intermittent, level 3"),
        *("Door-v1", "Lift-v1", "a training seed", "mean of the seeds"),
    ]
    assert "3 training seeds a point" in " ".join(figure.get_supxlabel().split())
    alone = compose(gain_plot(gain_table(suite_runs(1, 1, 1))))
    assert "1 training seed a point" in " ".join(alone.get_supxlabel().split())
    assert len(alone.legends[0].get_texts()) == 2


def test_its_table_has_each_seed_and_the_mean() -> None:
    layout = gain_plot(gain_table(suite_runs(1, 1, 3))).layout
    row = dict(zip(layout.headers, layout.rows[0], strict=True))
    gains = [int(gain) for gain in row["each seed"].split(" / ")]
    assert len(gains) == 3
    assert int(row["gain, points"]) == pytest.approx(sum(gains) / 3, abs=1)

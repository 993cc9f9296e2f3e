from pathlib import Path

import numpy as np
import pytest
from fake_records import arm, twin_arms
from fake_sweeps import trained_arm
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.container import BarContainer
from matplotlib.image import imread

from fdp_bench.api import EpisodeRecord
from fdp_bench.report.figures.style import BASE_ALONE, COLORS, Palette
from fdp_bench.report.figures.success_bars import save_success_plot, success_figure
from fdp_bench.report.tables.summary import summarize


def test_bars_stand_at_the_success_rates_and_whiskers_at_the_interval() -> None:
    summary = summarize(twin_arms("++++", "+---"))
    axes = success_figure(summary).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [100.0, 25.0]
    whiskers = axes.containers[0].lines[2][0].get_segments()
    ends = [(low[1], high[1]) for low, high in whiskers]
    expected = 100 * summary[["success_low", "success_high"]].to_numpy()
    assert np.array(ends) == pytest.approx(expected)


def test_policies_differ_in_colour_and_hatch() -> None:
    records = [episode for policy in "abcd" for episode in twin_arms("++", "+-", policy=policy)]
    bars = success_figure(summarize(records)).axes[0].patches
    assert len({(bar.get_facecolor()) for bar in bars}) == 4
    assert len({bar.get_hatch() for bar in bars}) == 4


def two_tasks() -> list[EpisodeRecord]:
    """Three policies on one task and two of them on another, trained on other numbers of demonstrations."""
    records = [
        record for policy in "abc" for record in trained_arm(5, policy=policy, demos=100, seed=0, task="Lift")
    ]
    return records + [
        record
        for policy in "bc"
        for record in trained_arm(3, policy=policy, demos=180, seed=0, variant="steps=10000", task="Can")
    ]


def looks(axes: Axes) -> dict[str, tuple[object, object]]:
    """Policy -> colour and hatch of its bars in a panel."""
    return {
        bars.get_label(): (bars[0].get_facecolor(), bars[0].get_hatch())
        for bars in axes.containers
        if isinstance(bars, BarContainer)
    }


def test_a_policy_looks_alike_on_all_tasks_and_as_the_legend_says() -> None:
    figure = success_figure(summarize(two_tasks()))
    can, lift = map(looks, figure.axes)
    assert set(can) == {"b", "c"}
    assert set(lift) == {"a", "b", "c"}
    assert can == {name: lift[name] for name in can}
    (legend,) = figure.legends
    shown = {
        text.get_text(): (mark.get_facecolor(), mark.get_hatch())
        for text, mark in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert shown == lift


def test_a_policy_takes_room_only_where_it_was_run() -> None:
    can, lift = success_figure(summarize(two_tasks())).axes
    for axes in (can, lift):
        ends = [end for bar in axes.patches for end in (bar.get_x(), bar.get_x() + bar.get_width())]
        assert min(ends) == pytest.approx(-max(ends))


def test_bars_have_the_styles_of_the_report_where_it_names_them() -> None:
    summary = summarize(two_tasks())
    lift = looks(success_figure(summary, Palette(("c", "b", "a"))).axes[1])
    assert [lift[name][0] for name in "cba"] == [to_rgba(color) for color in COLORS[:3]]


def test_caption_names_n_the_interval_and_the_training_seeds() -> None:
    figure = success_figure(summarize(twin_arms("+++", "+--")))
    caption = figure.get_supxlabel()
    assert "n = 3 episodes" in caption
    assert "Wilson 95%" in caption
    assert "1 training seed" in caption
    assert figure.axes[0].get_ylabel() == "success rate (% of episodes)"


def test_many_severities_are_split_into_a_panel_a_shift() -> None:
    records = arm("++")
    for name in ("color", "occlusion"):
        for level in range(1, 6):
            records += arm("+-", shift=f"{name}@{level}", severity=level / 5)
    figure = success_figure(summarize(records))
    assert [axes.get_title() for axes in figure.axes] == [
        "fdp_bench/Lift-v1, color",
        "fdp_bench/Lift-v1, occlusion",
    ]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()][:2] == [
        "clean",
        "occlusion\nseverity 1",
    ]


def test_plots_are_written_as_png_and_svg_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    summary = summarize(twin_arms("+++", "+--"))
    files = save_success_plot(summary, tmp_path)
    assert [file.name for file in files] == ["success.png", "success.svg"]
    first = [file.read_bytes() for file in files]
    save_success_plot(summary, tmp_path)
    assert [file.read_bytes() for file in files] == first
    assert imread(files[0]).shape[0] > 400
    assert b"occlusion" in first[1]


def test_what_a_base_does_alone_is_a_line_through_the_bar_of_its_policy() -> None:
    summary = summarize(twin_arms("++++", "+---") + twin_arms("++++", "++--", policy="fdp"))
    summary["base_rate"] = summary["base_rate"].astype(float)
    summary.loc[summary["label"] == "fdp", "base_rate"] = [0.9, 0.75]
    axes = success_figure(summary).axes[0]
    (lines,) = [drawn for drawn in axes.collections if drawn.get_label() == BASE_ALONE]
    segments = lines.get_segments()
    assert [segment[0][1] for segment in segments] == [90.0, 75.0]
    bars = next(bars for bars in axes.containers if bars.get_label() == "fdp")
    for segment, bar in zip(segments, bars, strict=True):
        assert segment[0][0] < bar.get_x()
        assert segment[1][0] > bar.get_x() + bar.get_width()


def test_without_a_base_no_line_is_drawn() -> None:
    figure = success_figure(summarize(twin_arms("++++", "+---")))
    assert BASE_ALONE not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_of_several_seeds_the_bar_is_the_mean_and_each_seed_a_mark() -> None:
    records = [
        record for seed, rate in enumerate((2, 9, 7)) for record in trained_arm(rate, demos=100, seed=seed)
    ]
    figure = success_figure(summarize(records))
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([60.0])
    (marks,) = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert list(marks.get_ydata()) == pytest.approx([20.0, 90.0, 70.0])
    whisker = axes.containers[0].lines[2][0].get_segments()[0]
    assert [end[1] for end in whisker] == pytest.approx([20.0, 90.0])
    caption = " ".join(figure.get_supxlabel().split())
    assert "3 training seeds" in caption
    assert "their range, no interval" in caption
    assert "Wilson" not in caption


@pytest.mark.parametrize(("base", "height"), [(0.2, 69.9), (0.75, 76.0), (0.95, 69.9)])
def test_a_number_stands_clear_of_the_line_of_the_base(base: float, height: float) -> None:
    summary = summarize(twin_arms("++++", "+---"))
    summary["base_rate"] = base
    number = success_figure(summary).axes[0].texts[1]
    assert number.get_text() == "25"
    assert number.xy[1] == pytest.approx(height, abs=0.1)

from pathlib import Path

import numpy as np
import pytest
from fake_records import arm, twin_arms
from matplotlib.image import imread

from fdp_bench.report.bars import save_success_plot, success_figure
from fdp_bench.report.tables import summarize


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

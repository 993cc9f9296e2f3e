from pathlib import Path

import numpy as np
import pytest
from fake_records import twin_arms
from fake_sweeps import severity_records, trained_arm
from matplotlib.colors import to_rgb

from fdp_bench.report.figures.bar_plots import ablation_plot, order_plot
from fdp_bench.report.figures.curve_plots import efficiency_plot, severity_plot
from fdp_bench.report.figures.plots import compose, panel_figure
from fdp_bench.report.figures.style import COLORS, DARK, LIGHT, save_figure, series_style, svg_bytes, themed
from fdp_bench.report.figures.surface_plot import surface_plot
from fdp_bench.report.tables.curves import ablation_table, efficiency_table, severity_table, surface_table
from fdp_bench.report.tables.orders import order_table
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.tables.trainings import find_trainings


def table(make, records):
    return make(summarize(records), find_trainings(records))


def all_plots():
    sizes = [
        record for demos in (10, 100) for record in severity_records({0: 10, 1: 8, 5: 2}, demos=demos, seed=0)
    ]
    variants = trained_arm(5, demos=10, seed=0) + trained_arm(2, demos=10, seed=0, variant="zero_init=false")
    orders = [
        record
        for policy in ("fdp:prop>vision", "fdp:vision>prop")
        for record in twin_arms("++++", "++--", policy=policy)
    ]
    return {
        "severity": severity_plot(table(severity_table, sizes)),
        "data-efficiency": efficiency_plot(table(efficiency_table, sizes)),
        "surface": surface_plot(table(surface_table, sizes)),
        "ablation": ablation_plot(table(ablation_table, variants)),
        "priority-order": order_plot(order_table(summarize(orders), compare_policies(orders))),
    }


@pytest.fixture(scope="module")
def plots():
    return all_plots()


NAMES = ("severity", "data-efficiency", "surface", "ablation", "priority-order")


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_is_labelled_and_the_caption_names_n_and_interval(plots, name):
    plot = plots[name]
    figure = compose(plot)
    assert plot.stem == name
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    assert len(figure.axes) == len(plot.panels)
    caption = " ".join(figure.get_supxlabel().split())
    assert "n = " in caption
    assert "95%" in caption


@pytest.mark.parametrize("name", NAMES)
def test_every_plot_has_its_numbers_beside_it(plots, name):
    assert len(plots[name].layout.rows) == len(plots[name].table) > 0


def test_curves_pass_through_the_rates_and_whiskers_end_at_the_interval(plots):
    plot = plots["severity"]
    axes = panel_figure(plot.panels[0]).axes[0]
    (curve,) = axes.containers
    points = plot.table[plot.table["train_demos"] == 10]
    assert curve.lines[0].get_xdata().tolist() == points["level"].tolist()
    assert curve.lines[0].get_ydata() == pytest.approx(100 * points["success_rate"])
    ends = np.array([segment[:, 1] for segment in curve.lines[2][0].get_segments()])
    assert ends == pytest.approx(100 * points[["low", "high"]].to_numpy())


def test_severity_has_a_panel_for_each_shift_and_size(plots):
    titles = [panel.title for panel in plots["severity"].panels]
    assert titles == ["occlusion, 10 demonstrations", "occlusion, 100 demonstrations"]


def test_the_surface_shows_each_rate_where_it_belongs(plots):
    axes = panel_figure(plots["surface"].panels[0]).axes[0]
    shown = {(text.get_position(), text.get_text()) for text in axes.texts}
    assert ((0.5, 0.5), "100") in shown
    assert ((2.5, 1.5), "20") in shown


def test_a_difference_that_is_not_significant_has_an_empty_mark(plots):
    marks = [
        container.lines[0] for container in panel_figure(plots["priority-order"].panels[0]).axes[0].containers
    ]
    assert {mark.get_markerfacecolor() for mark in marks} == {"none"}


def test_series_differ_without_colour_and_their_neighbours_in_lightness():
    styles = [series_style(number) for number in range(8)]
    for part in ("marker", "line", "hatch", "color"):
        assert len({getattr(style, part) for style in styles}) == 8
    lightness = [np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722)) for color in COLORS]
    assert np.abs(np.diff(lightness)).min() > 0.05


def test_plots_are_written_as_png_and_svg_with_the_same_bytes_each_time(tmp_path: Path):
    def write():
        with themed():
            return save_figure(compose(all_plots()["severity"]), tmp_path, "severity")

    files = write()
    first = [file.read_bytes() for file in files]
    assert [file.name for file in files] == ["severity.png", "severity.svg"]
    assert [file.read_bytes() for file in write()] == first
    assert b"severity of the shift" in first[1]


def test_light_and_dark_differ_in_ink_and_not_in_data(plots):
    def drawn(theme):
        with themed(theme):
            return svg_bytes(panel_figure(plots["severity"].panels[0])).decode()

    light, dark = drawn(LIGHT), drawn(DARK)
    assert LIGHT.ink in light
    assert LIGHT.ink not in dark
    assert DARK.ink in dark
    assert COLORS[0].lower() in light
    assert COLORS[0].lower() in dark

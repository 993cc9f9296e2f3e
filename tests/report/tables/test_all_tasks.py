"""Reports over several tasks: one table of all, one style a policy, one row of panels a task."""

from fake_records import arm, twin_arms
from fake_sweeps import severity_records, trained_arm

from fdp_bench.report.figures.all_plots import report_palette
from fdp_bench.report.figures.curve_plots import severity_plot
from fdp_bench.report.figures.plots import compose
from fdp_bench.report.figures.style import COLORS, Palette
from fdp_bench.report.tables.all_tasks import across_layouts, across_table
from fdp_bench.report.tables.curves import severity_table
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.tables.trainings import find_trainings
from fdp_bench.report.text.markup import latex_report, markdown_report
from fdp_bench.report.text.terminal import across_text, terminal_table

CAN, LIFT = "fdp_bench/Can-v1", "fdp_bench/Lift-v1"


def two_tasks():
    records = [
        record
        for successes, shift, level in ((9, "clean", 0), (4, "occlusion", 3))
        for record in trained_arm(successes, shift=shift, level=level, demos=100, seed=0, task=LIFT)
    ]
    return records + [
        record
        for successes, shift, level in ((8, "clean", 0), (1, "color", 3))
        for record in trained_arm(
            successes, shift=shift, level=level, demos=180, seed=0, variant="steps=10000", task=CAN
        )
    ]


def test_all_tasks_stand_in_one_table_with_a_column_a_shift():
    summary = summarize(two_tasks())
    assert across_table(summary).columns.tolist() == ["task", "policy", "clean", "color@3", "occlusion@3"]
    (layout,) = across_layouts(summary)
    assert layout.rows == (
        ("Can-v1", "dp-dit", "80 [49, 94]", "10 [2, 40]", "-"),
        ("Lift-v1", "dp-dit", "90 [60, 98]", "-", "40 [17, 69]"),
    )


def test_its_notes_say_what_the_policies_of_each_task_were_trained_on():
    (layout,) = across_layouts(summarize(two_tasks()))
    assert (
        "A policy is trained anew for each task. Can-v1: 180 demonstrations each, with steps=10000; "
        "Lift-v1: 100 demonstrations each." in layout.notes
    )
    text = " ".join(terminal_table(summarize(two_tasks())).split())
    assert "Trained on 180 demonstrations each, with steps=10000." in text
    assert "Trained on 100 demonstrations each." in text


def test_policies_without_a_training_are_left_out_of_that_note():
    records = trained_arm(1, demos=100, seed=0) + arm("+-", policy="random")
    assert "Trained on 100 demonstrations each (dp-dit)." in terminal_table(summarize(records))
    assert "Trained on" not in terminal_table(summarize(arm("+-", policy="random")))


def test_tests_of_all_tasks_are_adjusted_together_and_the_notes_say_so():
    assert "over 2 tests of all tasks" in " ".join(terminal_table(summarize(two_tasks())).split())
    assert "over 1 test (one family" in " ".join(terminal_table(summarize(twin_arms("++", "+-"))).split())


def test_every_text_format_begins_with_it_where_there_are_several_tasks():
    several, one = two_tasks(), twin_arms("++", "+-")
    for write in (markdown_report, latex_report):
        text = write(summarize(several), compare_policies(several))
        assert text.index("All tasks") < text.index("Can-v1: success")
        assert "All tasks" not in write(summarize(one), compare_policies(one))
    assert "Lift-v1  dp-dit" in across_text(summarize(several))
    assert across_text(summarize(one)) == ""


def test_of_many_severities_the_highest_is_shown_and_the_notes_say_so():
    levels = {0: 9, 1: 8, 2: 7, 3: 6, 4: 5, 5: 4}
    records = [
        record
        for task in (CAN, LIFT)
        for shift in ("color", "occlusion")
        for record in severity_records(levels, shift=shift, task=task)
        if shift == "color" or not record.spec.is_clean
    ]
    summary = summarize(records)
    (layout,) = across_layouts(summary)
    assert layout.headers[2:] == ("clean", "color@5", "occlusion@5")
    assert "Of each shift the highest severity is shown." in layout.notes
    assert len(across_table(summary).columns) == 13


def test_a_report_gives_each_series_one_place_whatever_it_was_trained_on():
    summary = summarize(two_tasks() + twin_arms("+", "-", policy="another", task=LIFT))
    assert report_palette(summary, find_trainings(two_tasks() + arm("+", policy="another"))).names == (
        "dp-dit",
        "another",
    )


def test_a_figure_takes_the_reports_styles_unless_they_do_not_tell_its_series_apart():
    palette = Palette(tuple("abcdefghij"))
    assert palette.order("cb") == list(palette.names)
    # The ninth looks like the first.
    assert len(COLORS) == 8
    assert palette.order("ai") == ["a", "i"]
    assert palette.order(["a", "a, seed 1"]) == ["a", "a, seed 1"]


def test_panels_of_a_task_begin_a_row_of_their_own():
    records = [
        record
        for task, shifts in ((CAN, ("color", "fog")), (LIFT, ("color",)))
        for shift in shifts
        for record in severity_records({0: 9, 1: 8, 5: 4}, shift=shift, task=task)
        if shift == "color" or not record.spec.is_clean
    ]
    figure = compose(severity_plot(severity_table(summarize(records), find_trainings(records))))
    places = [
        (spec.rowspan.start, spec.colspan.start) for spec in (axes.get_subplotspec() for axes in figure.axes)
    ]
    assert [axes.get_title() for axes in figure.axes] == ["Can-v1: color", "Can-v1: fog", "Lift-v1: color"]
    assert places == [(0, 0), (0, 1), (1, 0)]

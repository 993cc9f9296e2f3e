"""Training seeds side by side, one row a task, policy and shift."""

from fake_suites import suite_runs
from fake_sweeps import trained_arm

from fdp_bench.report.tables.all_tasks import across_layouts
from fdp_bench.report.tables.bases import find_bases
from fdp_bench.report.tables.curves import cell_table
from fdp_bench.report.tables.findings import findings
from fdp_bench.report.tables.seed_cells import seed_cell_layouts
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.tables.trainings import find_trainings, name_series, trainings_in
from fdp_bench.report.text.markup import csv_text, latex_report, markdown_report
from fdp_bench.report.text.terminal import comparison_table, terminal_table


def seeds(rates, *, numbers=None, **options):
    return [
        record
        for number, successes in zip(numbers or range(len(rates)), rates, strict=True)
        for record in trained_arm(successes, demos=100, seed=number, **options)
    ]


def test_a_row_shows_each_seed_their_range_and_their_mean():
    records = seeds((2, 9, 7), shift="occlusion", level=3) + seeds((10, 10, 9))
    (layout,) = seed_cell_layouts(summarize(records))
    assert layout.headers[3:] == ("n a seed", "seed 0 / 1 / 2, %", "range", "mean")
    assert layout.rows == (
        ("dp-dit", "clean", "-", "10", "100 / 100 / 90", "90 to 100", "97"),
        ("dp-dit", "occlusion", "3", "10", "20 / 90 / 70", "20 to 90", "60"),
    )
    assert "The range is no interval" in layout.notes[0]
    assert not any("Wilson" in note for note in layout.notes)


def test_seeds_stand_in_the_order_of_their_numbers_and_are_named_in_a_header_where_all_rows_have_them():
    (layout,) = seed_cell_layouts(summarize(seeds((2, 9, 7), numbers=(5, 3, 4))))
    assert "seed 3 / 4 / 5, %" in layout.headers
    assert layout.rows[0][4] == "90 / 70 / 20"
    records = seeds((2, 9)) + seeds((1, 1), numbers=(7, 8), policy="other")
    (mixed,) = seed_cell_layouts(summarize(records))
    assert "each seed, %" in mixed.headers


def test_fewer_than_three_seeds_get_no_interval_over_seeds_and_the_note_says_so():
    (layout,) = seed_cell_layouts(summarize(seeds((2, 9))))
    assert layout.notes[0].startswith("2 training seeds a row")
    assert "No interval over training seeds is given for fewer than 3 of them." in layout.notes


def test_single_seeds_make_no_such_table():
    assert seed_cell_layouts(summarize(seeds((2,)) + seeds((3,), policy="other"))) == []


def test_two_trainings_from_one_seed_are_no_two_seeds():
    records = seeds((2, 5))
    again = [
        type(record)(
            **{**vars(record), "spec": type(record.spec)(**{**vars(record.spec), "checkpoint": "ab" * 32})}
        )
        for record in seeds((9,))
    ]
    names = name_series(find_trainings(records + again))
    assert len(set(names.values())) == 3
    assert all(point == 1 for point in cell_table(summarize(records + again))["train_seeds"])


def test_the_mean_of_the_bases_stands_beside_the_mean_of_the_seeds():
    runs = suite_runs(1, 1, 3)
    summary = summarize(runs.records, bases=find_bases(runs))
    (layout,) = seed_cell_layouts(summary)
    of = {(row[0], row[1]): row for row in layout.rows}
    assert layout.headers[-1] == "base mean"
    shift = "color?part=object"
    assert of["fdp:prop>vision", shift][-1] == of["base:prop", shift][-2]
    assert of["dp-dit", shift][-1] == "-"


def test_every_text_format_has_it_before_the_rows_of_single_seeds():
    records = seeds((2, 9, 7), shift="occlusion", level=3)
    summary, comparison = summarize(records), compare_policies(records)
    for write in (markdown_report, latex_report):
        text = write(summary, comparison)
        assert text.index("training seeds side by side") < text.index("success under shifts")
    assert "the table of training seeds has them side by side" in " ".join(terminal_table(summary).split())


def test_its_file_has_all_seeds_in_one_cell():
    assert "0.2 / 0.9 / 0.7" in csv_text(cell_table(summarize(seeds((2, 9, 7)))))


def test_a_summary_tells_the_trainings_of_its_rows():
    records = seeds((2, 9)) + trained_arm(3, policy="unknown")
    assert trainings_in(summarize(records)) == find_trainings(records)


def test_the_table_of_all_tasks_pools_seeds_and_calls_a_range_a_range():
    records = [record for task in ("Can", "Lift") for record in seeds((2, 9, 7), task=task)]
    (layout,) = across_layouts(summarize(records))
    assert layout.rows == (("Can", "dp-dit", "60 (20 to 90)"), ("Lift", "dp-dit", "60 (20 to 90)"))
    assert not any("Wilson" in note for note in layout.notes)
    (single,) = across_layouts(
        summarize([record for task in ("Can", "Lift") for record in seeds((2,), task=task)])
    )
    assert any("Wilson" in note for note in single.notes)
    (two,) = across_layouts(
        summarize([record for task in ("Can", "Lift") for record in seeds((2, 9), task=task)])
    )
    assert any("over 2 training seeds; it says nothing about another training" in note for note in two.notes)


def test_findings_tell_the_range_of_the_seeds():
    records = seeds((2, 9, 7))
    (only,) = findings(summarize(records), compare_policies(records), find_trainings(records))
    assert only.rates == (("dp-dit", "60% (20 to 90)"),)


def test_the_family_of_the_tests_is_named():
    records = seeds((2, 9), shift="occlusion", level=3) + seeds((5, 5)) + seeds((1, 2), policy="other")
    text = " ".join(terminal_table(summarize(records), "suite paper").split())
    assert "Holm-adjusted over 2 tests (one family: every test of a shift in suite paper)." in text
    text = " ".join(comparison_table(compare_policies(records)).split())
    assert "Holm-adjusted over 2 comparisons (one family: every comparison in this report)." in text

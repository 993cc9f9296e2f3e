"""Tables between markers, and what a run is reckoned to cost."""

import json

import pytest

from benchmarks import report
from benchmarks.cost import Constants, duration, table

SCALING = {
    "workers": {
        "1": {"episodes_per_minute": 120.0, "steps_per_second": 200.0, "setup_s": 5.0},
        "2": {"episodes_per_minute": 200.0, "steps_per_second": 320.0, "setup_s": 6.0},
    },
    "memory_bytes": {"1 workers": {"rss": 3 * 2**30, "pss": 2.5 * 2**30, "private": 2 * 2**30}},
    "record_ms": 0.1,
    "record_bytes": 1000.0,
    "machine": {"cpu": "Abacus", "cores": 2, "git": {"commit": "0123456789abcdef"}},
}
PAGE = """Before
<!-- table:cost -->
old
<!-- /table:cost -->
between
<!-- table:render -->
kept
<!-- /table:render -->
after
"""


@pytest.fixture
def written(tmp_path):
    (tmp_path / "scaling.json").write_text(json.dumps(SCALING))
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    return page


def run(page, *more):
    return report.main(["--json", str(page.parent), "--page", str(page), *more])


def test_a_table_is_written_between_its_markers_and_nowhere_else(written):
    assert run(written) == 0

    text = written.read_text()
    assert "old" not in text
    assert "| 1 | 2 | 50 | 100 | 1 | 55 s |" in text
    assert "(scaling.json: Abacus, 2 cores, commit 0123456789ab)" in text
    assert text.startswith("Before\n<!-- table:cost -->\n")
    assert text.endswith("between\n<!-- table:render -->\nkept\n<!-- /table:render -->\nafter\n")


def test_writing_twice_is_writing_once(written):
    run(written)
    once = written.read_text()
    run(written)

    assert written.read_text() == once


def test_a_check_writes_nothing_and_finds_what_is_out_of_date(written):
    assert run(written, "--check") == 1
    assert written.read_text() == PAGE
    run(written)

    assert run(written, "--check") == 0


def test_a_quick_run_is_called_one():
    facts = {**SCALING, "quick": True}

    assert report.provenance(facts, "scaling.json").endswith("a quick run)")


def test_a_run_costs_its_setup_its_episodes_and_its_end():
    constants = Constants.of(SCALING)

    assert constants.slowdown == pytest.approx(1.25)
    assert constants.run_s(100, workers=1) == pytest.approx(5 + 100 * 0.5)
    assert constants.run_s(100, workers=2) == pytest.approx(5 + 100 * 0.5 * 1.25 / 2 + 0.5 * 1.25)


def test_a_thousand_workers_are_reckoned_from_the_constants():
    text = table(SCALING)

    assert "96,000 episodes/min and 2,001 GiB" in text
    assert "1,600 records a second, 16% of a core" in text


@pytest.mark.parametrize(("seconds", "text"), [(119, "119 s"), (150, "2 min"), (7200, "2.0 h")])
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text

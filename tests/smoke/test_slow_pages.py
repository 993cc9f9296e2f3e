"""The pages whose commands take minutes, run from top to bottom as written; README.md is in test_main_job.py."""

import pytest
from doc_pages import SLOW, run_page

pytestmark = pytest.mark.slow


def test_the_page_of_environments_runs_from_a_map_to_a_gate(tmp_path):
    run_page("docs/tutorials/environment.md", tmp_path)

    for made in ("report/report.html", "sweep-report/report.html", "diagnosis/diagnosis.txt", "reach.json"):
        assert (tmp_path / "work" / made).stat().st_size > 0


def test_the_first_page_installs_and_runs(tmp_path):
    run_page("docs/index.md", tmp_path)

    assert (tmp_path / "work" / "results" / "first" / "report" / "report.html").stat().st_size > 0


def test_no_slow_page_is_forgotten():
    assert set(SLOW) == {"README.md", "docs/index.md", "docs/tutorials/environment.md"}

"""The README is short, and its tables are those of committed runs."""

import re

import findings
from doc_pages import ROOT, blocks_of

PRINTED = (ROOT / "results" / "first-run" / "table.txt").read_text(encoding="utf-8")
TEXT = findings.README.read_text(encoding="utf-8")


def test_it_is_read_in_three_minutes():
    assert len(TEXT.splitlines()) <= 150
    assert len(TEXT.split()) <= 900


def test_the_table_of_results_is_that_of_the_folder_that_it_names():
    (folder,) = findings.MARKED.findall(TEXT)

    assert findings.filled(TEXT, folder) == TEXT, f"python -m tests.findings {folder}"


def test_every_claim_says_how_many_training_seeds_stand_behind_it():
    claims = re.search(r"<!-- end of findings -->\n+((?:[-\s].*\n)+)", TEXT)[1].split("\n- ")

    assert len(claims) == 3
    assert [claim for claim in claims if "training seed" not in claim] == []


def test_the_first_runs_table_is_what_it_printed():
    for page in ("README.md", "docs/index.md"):
        (shown,) = [block.text for block in blocks_of(page) if block.language == "text"]
        assert shown in PRINTED


def test_every_file_that_it_links_to_exists():
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXT)

    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []

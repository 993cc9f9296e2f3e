"""Pages name files that exist, and the picture of the architecture shows the levels that the code has."""

import re
from pathlib import Path

import pytest
from architecture_picture import HIDDEN, PICTURE, WORDS, picture
from doc_pages import page_names
from test_architecture import LAYERS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
ANSWERS = re.findall(r"^\| (\S.*\?) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("question", "answer"), ANSWERS, ids=[question for question, _ in ANSWERS])
def test_a_question_is_answered_by_one_to_three_files_that_exist(question, answer):
    files = [text for text in re.findall(r"`([^`]+)`", answer) if Path(text).suffix]

    assert 1 <= len(files) <= 3
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_picture_is_that_of_the_present_levels():
    assert PICTURE.read_text(encoding="utf-8") == picture(), "python tests/architecture_picture.py"


def test_the_picture_has_words_for_every_part_and_for_none_else():
    assert set(WORDS) == set().union(*LAYERS) - HIDDEN


def test_the_newcomers_questions_are_there():
    asked = " ".join(question for question, _ in ANSWERS)

    for words in (
        "occlusion",
        "stepped",
        "worker dies",
        "Z",
        "interval",
        "add a task",
        "add a shift",
        "add a flag",
    ):
        assert words in asked


@pytest.mark.parametrize("page", [*page_names(), "CONTRIBUTING.md", "SECURITY.md"])
def test_every_file_of_the_repository_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    folders = "fdp_bench|policies|shifts|tests|benchmarks|requirements|docs"
    named = re.findall(rf"`((?:{folders})/[a-z0-9_./-]*)`", text)

    assert [path for path in named if not (ROOT / path).exists()] == []

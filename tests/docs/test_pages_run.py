"""The code of the pages runs as written, or the page says that it is not run."""

import re
from pathlib import PurePath

import pytest
from doc_pages import OUTPUT, ROOT, RUN, SLOW, blocks_of, is_run, page_names, run_page

PAGES = page_names()
FAST = [page for page in PAGES if is_run(page) and page not in SLOW]


@pytest.mark.parametrize("page", FAST)
def test_the_code_of_a_page_runs_as_written(page, tmp_path):
    run_page(page, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_output_a_file_a_command_or_marked_as_not_run(page):
    unknown = [
        f"{page}:{block.line} ({block.language or 'no language'})"
        for block in blocks_of(page)
        if not (block.language in (*OUTPUT, *RUN) or block.title or block.is_left_out)
    ]

    assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_where_the_tests_do_not_look(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.sub(r"^( *)```(?:.*\n)*?\1```$", "", text, flags=re.MULTILINE)
    indented = re.findall(r"^ {4,}(?:\$ |fdp-bench |pip |python |import |tox ).*$", shown, re.MULTILINE)
    output_that_is_code = [
        line
        for block in blocks_of(page)
        if block.language in OUTPUT
        for line in block.text.splitlines()
        if line.startswith(("$ ", "pip install", "import "))
    ]

    assert indented + output_that_is_code == []


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_a_page_shows_is_used_by_a_command_below(page):
    blocks = [block for block in blocks_of(page) if not block.is_left_out]
    # Word for word on another page, it is used there.
    elsewhere = {block.text for other in FAST if other != page for block in blocks_of(other) if block.title}
    unused = []
    for number, block in enumerate(blocks):
        later = "\n".join(
            other.text for other in blocks[number + 1 :] if other.language in RUN or other.title
        )
        is_used = PurePath(block.title).stem in later or (
            block.title == "pyproject.toml" and "pip install ." in later
        )
        if block.title and not is_used and block.text not in elsewhere:
            unused.append(f"{page}:{block.line} {block.title}")

    assert unused == []


def test_slow_pages_exist_and_are_run():
    assert [page for page in SLOW if page not in PAGES or not is_run(page)] == []

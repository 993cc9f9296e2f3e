"""What a check says: Markdown that shows names as they are, JUnit that a parser reads."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from gate_data import flipped, rows, side

from fdp_bench.api import RunError
from fdp_bench.gate.junit import write_junit
from fdp_bench.gate.render import headline, markdown_summary, more_episodes
from fdp_bench.gate.table import comparison_layout
from fdp_bench.gate.verdict import judge

EVEN = "+-" * 75
WORSE = flipped(EVEN, range(0, 80, 4))
#: Everything that means something in Markdown, HTML or XML.
ODD = "fdp:prop>vision@a|b_c*d`e<script>&[x](y)"
COMMAND = ["fdp-bench", "check", "--baseline", "b.json", "--episodes", "8", "--out=x"]


def judged(tmp_path, was, now, *, policy=ODD, shift="color@3", margin=0.1):
    return judge(rows(tmp_path, {(policy, shift): was}, {(policy, shift): now}), margin)


@pytest.fixture
def regressed(tmp_path):
    return judged(tmp_path, EVEN, WORSE)


@pytest.fixture
def undecided(tmp_path):
    return judged(tmp_path / "few", "+-+-+-+-", "+--++-+-")


def test_markdown_shows_every_name_as_it_is(regressed):
    text = markdown_summary(regressed, "check_of *this* | that")
    table = [line for line in text.splitlines() if line.startswith("|")]

    assert "<script>" not in text
    assert r"check\_of \*this\* \| that" in text
    assert r"a\|b\_c\*d\`e\<script\>" in text
    # An escaped bar does not end a cell, so each row has as many cells as the header.
    assert {line.replace(r"\|", "").count("|") for line in table} == {table[0].count("|")}
    assert len(table) == 3


def test_markdown_names_each_episode_that_flipped(regressed):
    text = markdown_summary(regressed, "check")

    assert "### 20 episodes came out differently" in text
    assert [f"- episode {index} (" in text for index in range(0, 80, 4)] == [True] * 20
    assert text.count(r"success -\> failure") == 20
    assert "episode 1 (" not in text
    assert "<summary>fdp:prop&gt;vision@a|b_c*d`e&lt;script&gt;&amp;[x](y), color@3: 20</summary>" in text


def test_markdown_says_that_nothing_flipped(tmp_path):
    assert "No episode came out differently." in markdown_summary(judged(tmp_path, EVEN, EVEN), "check")


def test_the_headline_is_the_verdict(tmp_path, regressed, undecided):
    assert (
        headline(judged(tmp_path / "equal", EVEN, EVEN)) == "passed: 1 arm, none worse by 10.0 points or more"
    )
    assert headline(regressed).startswith(f"regressed: {ODD}, color@3 -13.3 [")
    assert headline(undecided).startswith(f"cannot tell: {ODD}, color@3")


def test_a_check_that_cannot_tell_says_the_command_that_can(tmp_path, undecided):
    longer = side(tmp_path / "long", {(ODD, "color@3"): "+-" * 2000})
    text = more_episodes(undecided, longer, COMMAND, Path("results/run"))

    assert f"about {undecided.pairs_needed} episodes an arm" in text
    assert text.endswith(
        f"fdp-bench check --baseline b.json --out results/run --episodes {undecided.pairs_needed}"
    )


def test_a_baseline_that_is_too_short_is_said(tmp_path, undecided):
    short = side(tmp_path / "short", {(ODD, "color@3"): "+-"})

    assert "the baseline holds 2: make a longer one" in more_episodes(undecided, short, COMMAND, Path("run"))


def test_a_check_that_can_tell_needs_no_more(tmp_path, regressed):
    assert more_episodes(regressed, side(tmp_path / "b", {(ODD, "color@3"): "+"}), COMMAND, Path("run")) == ""


def test_junit_is_read_by_a_parser_with_one_testcase_an_arm(tmp_path):
    arms = {("dp-dit", "clean"): EVEN, (ODD, "color@3"): EVEN, ("base:prop", "clean"): EVEN[:8]}
    now = {**arms, (ODD, "color@3"): WORSE, ("base:prop", "clean"): "+--++-+-"}
    judgement = judge(rows(tmp_path, arms, now), 0.1)
    write_junit(tmp_path / "new" / "j.xml", judgement, name="check", task="fdp_bench/Lift-v1", time_s=1.5)

    root = ElementTree.parse(tmp_path / "new" / "j.xml").getroot()
    (suite,) = root
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["3", "1", "1", "0"]
    assert {case.get("classname") for case in cases.values()} == {"fdp_bench/Lift-v1"}
    failure = cases[f"{ODD}, color@3"].find("failure")
    assert failure.get("type") == "regressed"
    assert "baseline 50%, candidate 37%" in failure.get("message")
    assert failure.text.count("success -> failure") == 20
    assert "pairs would tell" in cases["base:prop, clean"].find("error").get("message")
    assert [child.tag for child in cases["dp-dit, clean"]] == ["system-out"]


def test_junit_survives_what_xml_cannot_hold(tmp_path):
    judgement = judged(tmp_path, EVEN, WORSE, policy="a\x00b\x1b[31m\ufffe")
    write_junit(tmp_path / "j.xml", judgement, name="\x07", task="t", time_s=0.0)

    case = next(ElementTree.parse(tmp_path / "j.xml").getroot().iter("testcase"))
    assert case.get("name") == "a?b?[31m?, color@3"


def test_a_junit_file_that_cannot_be_written_is_said(tmp_path, regressed):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="choose another --junit"):
        write_junit(tmp_path / "file" / "j.xml", regressed, name="n", task="t", time_s=0.0)


def test_the_paired_table_holds_rates_difference_and_tests(tmp_path):
    (row,) = rows(tmp_path, {("dp-dit", "color@3"): EVEN}, {("dp-dit", "color@3"): WORSE})
    layout = comparison_layout("t", [row])
    cells = dict(zip(layout.headers, layout.rows[0], strict=True))

    assert (cells["policy"], cells["shift"], cells["sev"], cells["n"]) == ("dp-dit", "color", "3", "150")
    assert cells["baseline % [95%]"] == "50 [42, 58]"
    assert cells["discordant"] == "20 (-20 +0)"
    assert cells["p"] == cells["p Holm"] == "<0.001"
    assert cells["cand - base pp [95%]"].startswith("-13.3 [-")
    assert "err" not in cells


def test_errors_get_a_column_of_their_own_where_there_are_any(tmp_path):
    (row,) = rows(tmp_path, {("dp-dit", "clean"): "+!+"}, {("dp-dit", "clean"): "!!+"})
    layout = comparison_layout("t", [row])

    assert dict(zip(layout.headers, layout.rows[0], strict=True))["err"] == "1/2"


def test_two_policies_are_both_named(tmp_path):
    (row,) = rows(tmp_path, {("dp-dit", "clean"): "+-"}, {("base:prop", "clean"): "+-"})

    assert comparison_layout("t", [row]).rows[0][0] == "dp-dit -> base:prop"

from dataclasses import replace

import pytest
from fake_records import LIFT, arm, twin_arms

from fdp_bench.report.names import severity_text, split_shift
from fdp_bench.report.tables.summary import compare_policies, summarize
from fdp_bench.report.text.markup import csv_text, latex_report, markdown_report
from fdp_bench.report.text.terminal import WIDTH, comparison_table, terminal_table
from fdp_bench.report.typeset import detectable_text

POLICIES = ("fdp:prop>vision", "fdp:vision>prop")


def two_policies() -> list[object]:
    records = []
    for policy, shifted in zip(POLICIES, ("+" * 16 + "-" * 4, "-" * 20), strict=True):
        records += twin_arms("+" * 19 + "!", shifted, policy=policy, latency_ms=(20.0, 30.0))
    return records


def test_terminal_table_shows_the_numbers_of_each_arm() -> None:
    lines = terminal_table(summarize(two_policies())).splitlines()
    row = next(line for line in lines if line.startswith("fdp:vision>prop") and "occlusion" in line)
    shown = "fdp:vision>prop occlusion 3 20 0 [0, 16] 0 95 +95 [+70, +99] <0.001 0 25/30"
    assert row.split() == shown.split()
    clean = next(line for line in lines if line.startswith("fdp:prop>vision") and "clean" in line)
    assert clean.split()[-5:] == ["-", "-", "-", "1", "25/30"]


def test_terminal_table_is_aligned_and_fits_the_width() -> None:
    lines = terminal_table(summarize(two_policies())).splitlines()
    assert max(map(len, lines)) <= WIDTH
    rules = [number for number, line in enumerate(lines) if set(line) == {"-"}]
    body = lines[rules[0] + 1 : rules[1]]
    assert len({len(line) for line in body}) == 1
    assert len({line.index("]") for line in body}) == 1


def test_footnotes_state_seeds_intervals_errors_and_what_the_design_detects() -> None:
    text = " ".join(terminal_table(summarize(two_policies())).split())
    assert "Training seeds: 1 a row" in text
    assert "Wilson 95% interval" in text
    assert "Newcombe's paired 95% interval" in text
    assert "counts as a failure" in text
    assert "Smallest paired difference that 20 pairs detect: 44 points" in text


@pytest.mark.parametrize(
    ("probed", "said"),
    [
        ((), "ms: wall time of one decision as an episode waited for it in the run, batched"),
        (
            ("fdp:prop>vision", "fdp:vision>prop"),
            "ms: wall time of one decision for a single episode, unpadded",
        ),
        (("fdp:prop>vision",), "on its machine (fdp:prop>vision); of one decision as an episode waited"),
    ],
)
def test_footnotes_say_what_the_latencies_are_of(probed: tuple[str, ...], said: str) -> None:
    summary = summarize(two_policies(), {(LIFT, policy): [7.0] for policy in probed})
    assert said in " ".join(terminal_table(summary).split())


def test_without_latencies_no_footnote_speaks_of_them() -> None:
    assert "ms: wall" not in terminal_table(summarize(twin_arms("+", "+")))


def test_missing_twins_are_announced() -> None:
    text = terminal_table(summarize(twin_arms(clean="+", shifted="+++")))
    assert "2 shifted episodes without a clean twin yet" in text


def test_each_task_gets_its_own_block() -> None:
    records = arm("+", task="fdp_bench/Lift-v1") + arm("-", task="fdp_bench/LiftWide-v1")
    text = terminal_table(summarize(records))
    assert "fdp_bench/Lift-v1: success" in text
    assert "fdp_bench/LiftWide-v1: success" in text


def test_comparison_table_shows_the_signed_difference() -> None:
    text = comparison_table(compare_policies(two_policies()))
    row = next(line for line in text.splitlines() if line.startswith("occlusion"))
    assert "fdp:prop>vision  fdp:vision>prop  20   80    0  +80 [" in row


def test_comparison_of_one_policy_is_empty() -> None:
    assert comparison_table(compare_policies(arm("++"))) == ""


def test_markdown_table_has_one_cell_a_column() -> None:
    records = two_policies()
    text = markdown_report(summarize(records), compare_policies(records))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count(" |") for line in table[:6]} == {11}
    assert "| fdp:prop\\>vision | occlusion | 3 | 20 | 80 \\[58, 92\\] |" in text


def test_latex_escapes_what_it_would_misread() -> None:
    records = two_policies()
    text = latex_report(summarize(records), compare_policies(records))
    assert r"fdp:prop\textgreater{}vision & occlusion & 3" in text
    assert r"fdp\_bench/Lift-v1" in text
    assert r"success \% [95\%]" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2
    assert r"\begin{tabular}{llrrrrrrrrr}" in text


def test_latex_sets_negative_differences_with_a_minus_sign() -> None:
    records = twin_arms(clean="--+", shifted="+++")
    assert "$-$67 [" in latex_report(summarize(records), compare_policies(records))


def test_csv_keeps_full_precision_and_leaves_missing_values_empty() -> None:
    lines = csv_text(summarize(twin_arms("++-", "+--"))).splitlines()
    names = lines[0].split(",")
    clean, shifted = (dict(zip(names, line.split(","), strict=True)) for line in lines[1:])
    assert clean["paired_drop"] == ""
    assert float(shifted["success_rate"]) == 1 / 3


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ("clean", ("clean", "-")),
        ("occlusion@3", ("occlusion", "3")),
        ("occlusion@0.25?kind=camera", ("occlusion?kind=camera", "0.25")),
        ("occlusion@3?kind=camera+color@5", ("occlusion?kind=camera+color", "3+5")),
    ],
)
def test_shift_strings_are_split_into_name_and_severity(shift: str, expected: tuple[str, str]) -> None:
    assert split_shift(shift) == expected


@pytest.mark.parametrize(
    ("severity", "text"), [(0.0, "clean"), (0.6, "level 3"), (1.0, "level 5"), (0.5, "severity 0.5")]
)
def test_severities_are_named_by_level_where_they_are_one(severity: float, text: str) -> None:
    assert severity_text(severity) == text


def test_a_design_that_detects_nothing_says_so() -> None:
    assert detectable_text(5).startswith("5 pairs cannot detect any difference")


def test_a_column_says_how_often_a_fallback_acted_where_any_policy_has_one() -> None:
    plain = twin_arms("++++", "++--", policy="dp-dit")
    shares = (0.0, 0.0, 0.125, 0.0, 1.0, 0.5, 0.75, 1.0)
    guarded = [
        replace(each, fallback_share=share)
        for each, share in zip(twin_arms("++++", "++++", policy="fdp?guard=on"), shares, strict=True)
    ]
    for render in (terminal_table, lambda summary: markdown_report(summary, compare_policies(plain))):
        text = render(summarize([*plain, *guarded]))
        assert "fallback % (ep.)" in text
        assert "3.1 (25)" in text
        assert "81 (100)" in text
        assert "in brackets the percent of episodes with any" in " ".join(text.split())
        assert "fallback" not in render(summarize(plain))

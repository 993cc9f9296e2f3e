import math

import pytest

from fdp_bench.report.cells import Cell, difference_cell, number_cell, p_cell, rate_cell, severity_cell
from fdp_bench.report.html.tables import page_table
from fdp_bench.report.names import EMPTY
from fdp_bench.report.typeset import Column, typeset

DROP = {"drop": -0.04, "drop_low": -0.12, "drop_high": 0.051}


def test_a_cell_reads_as_its_text_with_the_interval_in_brackets() -> None:
    assert str(rate_cell({"rate": 0.93, "low": 0.86, "high": 0.97}, "rate", "low", "high")) == "93 [86, 97]"
    assert str(difference_cell(DROP, "drop")) == "-4 [-12, +5]"
    assert str(number_cell(7)) == "7"


@pytest.mark.parametrize(("value", "text"), [(0.034, "+3"), (-0.036, "-4"), (0.002, "0"), (-0.002, "0")])
def test_points_have_a_sign_and_zero_has_none(value: float, text: str) -> None:
    assert difference_cell({"drop": value, "drop_low": value, "drop_high": value}, "drop").text == text


@pytest.mark.parametrize(
    "cell",
    [
        number_cell(math.nan, ".1f"),
        number_cell(None),
        difference_cell({"drop": math.nan}, "drop"),
        p_cell(math.nan),
        severity_cell({"shift": "clean", "severity": 0.0}),
    ],
)
def test_what_is_not_known_is_empty_and_sorts_last(cell: Cell) -> None:
    assert str(cell) == EMPTY
    assert math.isnan(cell.order)


def test_a_column_is_sorted_by_its_values_not_by_their_rounded_text() -> None:
    values = [0.0004, 0.0002, 0.012]
    assert [p_cell(value).text for value in values] == ["<0.001", "<0.001", "0.012"]
    assert sorted(values) == sorted(p_cell(value).order for value in values)
    assert (
        severity_cell({"shift": "dim@3", "severity": 0.6}).order
        < severity_cell({"shift": "dim@0.7", "severity": 0.7}).order
    )


def test_the_page_has_real_minus_signs_the_interval_apart_and_the_order_of_the_value() -> None:
    columns = (
        Column("policy", lambda row: "a-b", numeric=False),
        Column("A - B", lambda row: difference_cell(row, "drop")),
    )
    table = page_table(typeset("t", columns, [DROP]))
    name, drop = table.rows[0]

    assert table.headers == ("policy", "A − B")
    assert (name.text, name.order) == ("a-b", "")
    assert (drop.text, drop.detail, drop.order) == ("−4", "−12 to +5", "-0.04")

import contextlib

import pytest
from fakes import fakes, fakes_folder  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

import fdp_bench.specs
from fdp_bench.api import PolicySpec, ShiftConfigError, ShiftSpec, SpecError
from fdp_bench.specs import format_shifts, parse_policy, parse_shifts, resolve_shifts

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True).filter(lambda name: name != "clean")
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8).map(
    lambda text: "".join(character for character in text if character not in "&?@+")
)
OPTIONS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True), VALUES.filter(bool), max_size=3
)
ORDERS = st.sampled_from(["", "prop", "prop>vision", "vision>prop", "prop+vision>tactile", "tactile>vision"])


@pytest.fixture
def any_name(monkeypatch):
    """Accept every plugin name; hypothesis runs all its examples inside one test."""
    monkeypatch.setattr(fdp_bench.specs, "require_plugin", lambda name, group: None)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("dp-dit", PolicySpec("dp-dit")),
        ("fdp:prop>vision", PolicySpec("fdp", "prop>vision")),
        ("fdp:prop", PolicySpec("fdp", "prop")),
        ("fdp:prop+vision>tactile", PolicySpec("fdp", "prop+vision>tactile")),
        ("dp-dit@runs/a:b@2", PolicySpec("dp-dit", "", "runs/a:b@2")),
        (
            " fdp:vision>prop@w?b=2&a=x=y ",
            PolicySpec("fdp", "vision>prop", "w", {"a": "x=y", "b": "2"}),
        ),
    ],
)
def test_policy_strings_are_parsed(text, spec):
    assert parse_policy(text) == spec


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no name"),
        ("fdp:", "no order behind ':'"),
        ("fdp:prop>", "names no modality behind '>'"),
        ("fdp:>vision", "names no modality prioritized"),
        ("fdp:vision>vision", "'vision' twice"),
        ("fdp:prop>vision>tactile", "has 2 '>'"),
        ("fdp@", "no checkpoint behind '@'"),
        ("fdp?", "malformed"),
        ("fdp?steps", "malformed"),
        ("fdp?steps=", "has no value"),
        ("fdp?a=1&a=2", "twice"),
        ("FDP", "no name; names are lower-case"),
        ("fpd:prop>vision", "unknown policy 'fpd'; did you mean 'fdp'"),
    ],
)
def test_a_bad_policy_string_is_refused_with_the_reason(text, why):
    with pytest.raises(SpecError, match=why):
        parse_policy(text)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("color", 0.6),
        ("color@1", 0.2),
        ("color@5", 1.0),
        ("color@0.5", 0.5),
        ("color@.25", 0.25),
        ("color@1.0", 1.0),
    ],
)
def test_a_whole_number_is_a_level_and_a_decimal_point_makes_a_fraction(text, severity):
    assert parse_shifts(text) == (ShiftSpec("color", severity),)


def test_shifts_joined_by_plus_keep_their_order():
    assert parse_shifts("occlusion@2?kind=camera + color") == (
        ShiftSpec("occlusion", 0.4, {"kind": "camera"}),
        ShiftSpec("color"),
    )


def test_clean_means_no_shift_and_back():
    assert parse_shifts("clean") == ()
    assert format_shifts(()) == "clean"


@pytest.mark.parametrize("severity", ["0", "6", "10", "-1", "0.0", "1.01", "9" * 5000])
def test_a_severity_out_of_range_is_refused_with_the_rule(severity):
    with pytest.raises((ShiftConfigError, SpecError), match=r"use a level 1-5 or a number .* in \(0, 1\]"):
        parse_shifts(f"color@{severity}")


@pytest.mark.parametrize("severity", ["", "x", "1e-3", "nan", "inf", "٣", "1.", "0x1"])
def test_a_severity_that_is_no_number_is_refused(severity):
    with pytest.raises(SpecError, match="is no number"):
        parse_shifts(f"color@{severity}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no name"),
        ("color+", "has no name"),
        ("clean+color", "stands alone"),
        ("clean@3", "stands alone"),
        ("color+color@3", "'color@3' twice"),
        ("oclusion", "unknown shift 'oclusion'; did you mean 'occlusion'"),
    ],
)
def test_a_bad_shift_string_is_refused_with_the_reason(text, why):
    with pytest.raises(SpecError, match=why):
        parse_shifts(text)


@given(name=NAMES, order=ORDERS, checkpoint=VALUES, options=OPTIONS)
@pytest.mark.usefixtures("any_name")
def test_a_policys_text_parses_back(name, order, checkpoint, options):
    spec = PolicySpec(name, order, checkpoint, options)

    assert parse_policy(str(spec)) == spec
    assert str(parse_policy(str(spec))) == str(spec)


@given(
    st.lists(
        st.builds(ShiftSpec, NAMES, st.floats(0, 1, exclude_min=True, allow_subnormal=False), OPTIONS),
        max_size=3,
        unique_by=str,
    )
)
@pytest.mark.usefixtures("any_name")
def test_shifts_text_parses_back(shifts):
    assert parse_shifts(format_shifts(shifts)) == tuple(shifts)


@given(st.text(max_size=30) | st.text(alphabet="fdp:prop>vision@?=&+.0159", max_size=30))
@pytest.mark.usefixtures("any_name")
def test_no_text_raises_anything_but_an_error_for_users(text):
    for parse in (parse_policy, parse_shifts):
        with contextlib.suppress(SpecError, ShiftConfigError):
            parse(text)


@pytest.mark.usefixtures("fakes")
def test_options_that_equal_a_default_are_left_out():
    written = ShiftSpec("dim", 0.2, {"how": "evenly"})

    assert resolve_shifts([written]) == (ShiftSpec("dim", 0.2),)


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("options", "why"),
    [({"hwo": "evenly"}, "did you mean 'how'"), ({"how": "evnly"}, "did you mean 'evenly'")],
)
def test_unknown_options_of_a_shift_are_refused_with_the_nearest(options, why):
    with pytest.raises(ShiftConfigError, match=why):
        resolve_shifts([ShiftSpec("dim", 0.2, options)])

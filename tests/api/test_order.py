import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdp_bench.api import SpecError, check_order, format_experts, format_order, parse_experts, parse_order

ALL = ("prop", "vision", "tactile")


@pytest.mark.parametrize(
    ("text", "prioritized", "rest"),
    [
        ("prop>vision", ("prop",), ("vision",)),
        ("vision>tactile", ("vision",), ("tactile",)),
        ("prop+vision>tactile", ("prop", "vision"), ("tactile",)),
        ("tactile>vision+prop", ("tactile",), ("vision", "prop")),
    ],
)
def test_an_order_with_a_sign_uses_exactly_what_it_names(text, prioritized, rest):
    assert parse_order(text, ALL) == (prioritized, rest)


@pytest.mark.parametrize(("lone", "rest"), [("prop", "vision"), ("vision", "prop")])
def test_a_lone_modality_implies_the_other_one_of_the_paper(lone, rest):
    assert parse_order(lone, ALL) == ((lone,), (rest,))


def test_a_lone_modality_stays_alone_for_a_policy_without_secondary_ones():
    assert parse_order("prop", ALL, complete=False) == (("prop",), ())


@pytest.mark.parametrize("text", ["tactile", "prop+vision"])
def test_an_open_rest_that_cannot_be_guessed_is_an_error_with_an_example(text):
    with pytest.raises(SpecError, match=rf"write '{text.replace('+', '.')}>"):
        parse_order(text, ALL)


@pytest.mark.parametrize(
    "text", ["", "prop>", ">vision", "prop>vision>tactile", "prop+>vision", "Prop>vision", "prop >vision"]
)
def test_a_malformed_order_is_refused_with_and_without_knowing_the_modalities(text):
    with pytest.raises(SpecError):
        check_order(text)
    with pytest.raises(SpecError):
        parse_order(text, ALL)


@pytest.mark.parametrize("text", ["vision>vision", "prop+vision>prop", "prop+prop>vision"])
def test_a_modality_stands_in_one_place(text):
    with pytest.raises(SpecError, match="twice"):
        check_order(text)


def test_an_unknown_modality_is_named_with_the_nearest():
    with pytest.raises(SpecError, match="'visoin'; did you mean 'vision'"):
        parse_order("prop>visoin", ALL)


def test_an_implied_modality_must_be_offered_too():
    with pytest.raises(SpecError, match="unknown modality 'vision'"):
        parse_order("prop", ("prop", "tactile"))


@given(st.permutations(ALL), st.integers(1, 2))
def test_formatting_inverts_parsing(names, split):
    prioritized, rest = tuple(names[:split]), tuple(names[split:])

    assert parse_order(format_order(prioritized, rest), ALL) == (prioritized, rest)


@given(st.text(alphabet="prvision>+,@? ", max_size=20))
def test_no_text_raises_anything_else(text):
    for parse in (parse_order, parse_experts):
        with contextlib.suppress(SpecError):
            parse(text, ALL)


@pytest.mark.parametrize(
    ("text", "experts"),
    [
        ("prop,vision", (("prop",), ("vision",))),
        ("vision+prop,tactile", (("vision", "prop"), ("tactile",))),
        ("prop+vision,prop+tactile,vision", (("prop", "vision"), ("prop", "tactile"), ("vision",))),
    ],
)
def test_experts_are_separated_by_commas_and_may_share_a_sense(text, experts):
    check_order(text)
    assert parse_experts(text, ALL) == experts
    assert format_experts(experts) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prop,", "names no modality on one side of ','"),
        (",", "names no modality on one side of ','"),
        ("prop,vision>tactile", "experts have no priority"),
        ("prop, vision", "holds ' vision', no modality's name"),
        ("prop,vision+", "holds '', no modality's name"),
        ("prop+prop,vision", "names 'prop' twice in one expert"),
        ("prop+vision,vision+prop", "names the expert 'vision.prop' twice"),
    ],
)
def test_malformed_experts_are_refused_with_and_without_knowing_the_modalities(text, message):
    with pytest.raises(SpecError, match=message):
        check_order(text)
    with pytest.raises(SpecError, match=message):
        parse_experts(text, ALL)


def test_one_expert_is_none_and_an_unknown_sense_is_named_with_the_nearest():
    with pytest.raises(SpecError, match="names one expert"):
        parse_experts("prop", ALL)
    with pytest.raises(SpecError, match="'visoin'; did you mean 'vision'"):
        parse_experts("prop,visoin", ALL)


def test_an_order_of_priorities_takes_no_experts():
    with pytest.raises(SpecError, match="trained apart"):
        parse_order("prop,vision", ALL)

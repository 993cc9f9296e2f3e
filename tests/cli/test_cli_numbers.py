import argparse

import pytest

from fdp_bench.cli import _numbers


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (_numbers.whole, "0", 0),
        (_numbers.positive, "1", 1),
        (_numbers.seconds, "0.5", 0.5),
        (_numbers.size_bytes, "800M", 800 * 2**20),
        (_numbers.size_bytes, "1.5GiB", 3 * 2**29),
        (_numbers.size_bytes, "4g", 2**32),
        (_numbers.size_bytes, "2kb", 2048),
        (_numbers.size_bytes, "1", 1),
    ],
)
def test_numbers_are_read(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        (_numbers.whole, "-1", "whole number"),
        (_numbers.positive, "0", "whole number from 1 on"),
        (_numbers.seconds, "inf", "number of seconds"),
        (_numbers.seconds, "0", "number of seconds"),
        (_numbers.size_bytes, "4X", "size, such as 800M or 4G,"),
        (_numbers.size_bytes, "0", "size, such as 800M or 4G,"),
    ],
)
def test_other_numbers_are_refused_with_the_kinds_name(kind, text, named):
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--number", type=kind)
    with pytest.raises(argparse.ArgumentError, match=f"invalid {named} value: '{text}'"):
        parser.parse_args([f"--number={text}"])

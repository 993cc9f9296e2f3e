"""Command lines as they were written once are answered with the new ones, and nothing is done."""

import shlex

import pytest

from fdp_bench.cli._old_spellings import new_spelling
from fdp_bench.cli.main import main


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "demos --task Lift --num 200 --out a.hdf5",
            "demos collect --task Lift --num-demos 200 --out a.hdf5",
        ),
        ("demos --task=Lift --num=200 --out=a", "demos collect --task=Lift --num-demos 200 --out=a"),
        ("demos --task Can --import in --out a --num 5", "demos import in --task Can --out a --num-demos 5"),
        ("demos --import=in --out a", "demos import in --out a"),
        ("demos --to-lerobot a --out b", "demos export a --out b"),
        ("demos --pack a --out b", "demos pack a --out b"),
        ("demos --card a --debug", "demos card a --debug"),
        ("sweep x --policies a 'b:c>d' --dry-run", "sweep x --policy a --policy 'b:c>d' --dry-run"),
        ("sweep x --shifts a --tasks A B", "sweep x --shift a --task A --task B"),
        ("sweep x --train-seeds 0 1 --steps 5", "sweep x --train-seed 0 --train-seed 1 --steps 5"),
    ],
)
def test_an_old_spelling_is_answered_with_the_new_one_in_one_line(old, new, capsys):
    assert main(shlex.split(old)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"error: this command is written in another way now: fdp-bench {new}\n"


@pytest.mark.parametrize(
    "command",
    [
        "demos --help",
        "demos collect --task Lift --num-demos 3 --out a",
        "demos import in --out a",
        "sweep x --policy a --policy b --train-seed 0",
        "train --policy a --num-demos 1,2",
        "list --policies --shifts",
    ],
)
def test_a_new_spelling_stays_as_it_is(command):
    name, *arguments = shlex.split(command)

    assert new_spelling(name, arguments) == arguments

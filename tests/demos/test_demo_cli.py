import argparse
import json

import pytest
from demo_data import made_up_episode, write_made_up

from fdp_bench.api import DatasetError
from fdp_bench.cli import demos as command
from fdp_bench.cli.main import main
from fdp_bench.demos.formats import importing
from fdp_bench.demos.recording import collect


def parsed(*words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args([str(word) for word in words])


def test_pack_says_what_it_wrote(tmp_path, capsys):
    file = write_made_up(tmp_path / "demos.hdf5", [made_up_episode(i) for i in range(3)])
    assert command.run(parsed("pack", file, "--out", tmp_path / "demos.npz")) == 0
    assert "packed 3 demonstrations" in capsys.readouterr().out


def test_collection_gets_the_options(tmp_path, monkeypatch, capsys):
    asked = {}

    def collected(task, out, **options):
        asked.update(task=task, out=out, **options)
        return collect.CollectionSummary(out, options["num_demos"], 1)

    monkeypatch.setattr(collect, "collect_demonstrations", collected)
    out = tmp_path / "a.hdf5"
    assert (
        command.run(parsed("collect", "--task", "Lift", "--out", out, "--seed", 4, "--profile", "reference"))
        == 0
    )
    assert asked == {
        "task": "Lift",
        "out": out,
        "num_demos": 200,
        "seed": 4,
        "profile": "reference",
        "progress": True,
    }
    assert "200 demonstrations" in capsys.readouterr().out


def test_number_zero_is_not_taken_for_the_default(tmp_path):
    with pytest.raises(DatasetError):
        command.run(parsed("collect", "--task", "Lift", "--num-demos", 0, "--out", tmp_path / "a.hdf5"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "collect|import|export|pack|card"),
        (("collect", "--task", "Lift"), "--out"),
        (("collect", "--out", "y"), "--task"),
        (("collect", "--task", "Lift", "--out", "y", "--profile", "fats"), "'fats'"),
        (("pack", "x"), "--out"),
        (("card", "x", "--task", "Lift"), "--task"),
    ],
)
def test_incomplete_or_contradicting_options_are_refused_in_one_line(words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["demos", *words])
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_card_is_printed_and_written(tmp_path, capsys):
    file = write_made_up(tmp_path / "demos.hdf5", [made_up_episode(i) for i in range(3)])
    out = tmp_path / "card.json"
    assert command.run(parsed("card", file, "--out", out)) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    assert json.loads(out.read_text())["number"] == 3


def test_import_gets_the_options_and_shows_its_notes(tmp_path, monkeypatch, capsys):
    asked = {}

    def imported(source, out, **options):
        asked.update(source=source, out=out, **options)
        return importing.ImportSummary(out, "fdp_bench/Can-v1", 5, 700, "robomimic", ("Something was cut.",))

    monkeypatch.setattr(importing, "import_demonstrations", imported)
    source, out = tmp_path / "theirs.hdf5", tmp_path / "ours.hdf5"
    assert command.run(parsed("import", source, "--task", "Can", "--num-demos", 5, "--out", out)) == 0
    assert asked == {
        "source": source,
        "out": out,
        "task": "Can",
        "profile": "fast",
        "num_demos": 5,
        "progress": True,
    }
    shown = capsys.readouterr().out
    assert "5 demonstrations of fdp_bench/Can-v1 (700 steps, from robomimic)" in shown
    assert "note: Something was cut." in shown

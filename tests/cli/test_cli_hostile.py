"""What a stranger's file may put on a terminal."""

import json

from fdp_bench.cli.main import main


def test_an_error_cannot_steer_the_terminal(tmp_path, capsys):
    baseline = tmp_path / "b.json"
    baseline.write_text(json.dumps({"kind": "fdp-bench baseline", "schema": "\x1b[2J\x07\u202e\ud800"}))

    code = main(["check", "--baseline", str(baseline)])

    said = capsys.readouterr().err
    assert code == 2
    assert said.count("\n") == 1
    assert said.removesuffix("\n").isprintable()


def test_an_errors_control_characters_are_spelt_out(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main(["report", "a\x1b[31m\x00b"]) == 2

    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert said.removesuffix("\n").isprintable()

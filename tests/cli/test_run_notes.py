"""What a run says of what went wrong: a plugin's words are shown, and steer no terminal."""

from pathlib import Path

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.cli._run_notes import errors_text
from fdp_bench.records import RunStore


def test_what_a_plugin_raised_is_told_in_one_line_that_steers_no_terminal():
    spec = EpisodeSpec("t", "p", "", "clean", 0.0, 0, 0)
    record = EpisodeRecord(
        spec, "error", False, False, 0, error="act raised X: one\ntwo \x1b]0;three\x07 \udc80"
    )

    shown = errors_text(RunStore(Path("run")), [record], 2)

    assert "  1 x act raised X: one two \\x1b]0;three\\x07 \\udc80 (first: p, clean, episode 0)\n" in shown
    assert all(sign.isprintable() or sign == "\n" for sign in shown)

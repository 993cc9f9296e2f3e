import io
from pathlib import Path

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.records import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.progress import ProgressBar
from fdp_bench.runner.run import Announcement


def record(shift, index, success):
    spec = EpisodeSpec("t", "dp-dit", "", shift, 0.0, index, 0)
    return EpisodeRecord(spec, "ok", success_once=success, success_held=success, steps=3)


def announcement(**facts):
    config = RunConfig(task="t", policies=("dp-dit",), shifts=("dim@3",), episodes=2)
    return Announcement(RunStore(Path("results/a run")), config, (), planned=4, **facts)


def test_it_says_where_the_run_goes_and_how_to_finish_it():
    shown = io.StringIO()
    with ProgressBar(shown) as progress:
        progress(announcement(warnings=("numpy differs",)))

    assert "warning: numpy differs" in shown.getvalue()
    assert "fdp-bench run --resume 'results/a run'" in shown.getvalue()


def test_success_so_far_counts_episodes_of_an_earlier_start():
    with ProgressBar(io.StringIO()) as progress:
        take = progress(announcement(finished=(record("clean", 0, True), record("dim@3", 0, False))))
        take(record("clean", 1, False))

    assert progress.text("dp-dit") == "dp-dit: clean 1/2, dim@3 0/1"


def test_on_a_terminal_a_bar_is_drawn():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    with ProgressBar(shown) as progress:
        take = progress(announcement())
        take(record("clean", 0, True))

    assert "1/4" in shown.getvalue()
    assert "clean 1/1" in shown.getvalue()

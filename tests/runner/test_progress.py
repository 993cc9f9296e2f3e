import errno
import io
import time
from pathlib import Path

import pytest

from fdp_bench.api import EpisodeRecord, EpisodeSpec
from fdp_bench.records import RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.progress import ProgressBar, RunInfo


def record(shift, index, success):
    spec = EpisodeSpec("t", "dp-dit", "", shift, 0.0, index, 0)
    return EpisodeRecord(spec, "ok", success_once=success, success_held=success, steps=3)


def run_info(**facts):
    config = RunConfig(task="t", policies=("dp-dit",), shifts=("dim@3",), episodes=2)
    return RunInfo(RunStore(Path("results/a run")), config, (), planned=4, **facts)


def test_it_says_where_the_run_goes_and_how_to_finish_it():
    shown = io.StringIO()
    with ProgressBar(shown) as progress:
        progress(run_info(warnings=("numpy differs",)))

    assert "warning: numpy differs" in shown.getvalue()
    assert "fdp-bench run --resume 'results/a run'" in shown.getvalue()


def test_success_so_far_counts_episodes_of_an_earlier_start():
    with ProgressBar(io.StringIO()) as progress:
        take = progress(run_info(finished=(record("clean", 0, True), record("dim@3", 0, False))))
        take(record("clean", 1, False))

    assert progress.text("dp-dit") == "dp-dit: clean 1/2, dim@3 0/1"


def test_on_a_terminal_a_bar_is_drawn():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    with ProgressBar(shown) as progress:
        take = progress(run_info())
        take(record("clean", 0, True))

    assert "1/4" in shown.getvalue()
    assert "clean 1/1" in shown.getvalue()


class GoneTerminal(io.StringIO):
    """Takes so much, as a terminal that is closed, or a reader that leaves, in the midst of a run."""

    def __init__(self, writes):
        super().__init__()
        self.left = writes

    def isatty(self):
        return True

    def write(self, text):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


@pytest.mark.parametrize("writes", [0, 2, 4])
def test_a_terminal_that_is_gone_stops_no_run(writes):
    with ProgressBar(GoneTerminal(writes)) as progress:
        take = progress(run_info(warnings=("numpy differs",)))
        for index in range(4):
            # tqdm draws no more often than ten times a second.
            time.sleep(0.11)
            take(record("clean", index, True))

    assert progress.text("dp-dit") == "dp-dit: clean 4/4"

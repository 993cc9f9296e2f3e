"""The walk of fdp_bench/tasks/README.md from a map to a gate: every command of the page, in its order, on less data."""

import re
import runpy
import shlex

import pytest
from external_page import PAGE, example, page_block

from fdp_bench.cli.main import main
from fdp_bench.tasks.external import registry

__all__ = ["example"]

pytestmark = pytest.mark.slow

#: What makes each subcommand short.
LESS = {
    "train": "--num-demos 10",
    "run": "--episodes 2 --workers 1",
    "diagnose": "--episodes 2",
    "check": "--workers 1",
    "sweep": "--workers 1",
}
#: `check`: too few episodes to tell.
CANNOT_TELL = 3


def commands():
    section = PAGE.read_text(encoding="utf-8").split("## From the map to a gate")[1]
    return re.findall(r"^    ((?:python|fdp-bench) .+)$", section, re.MULTILINE)


def test_the_whole_page_runs_from_top_to_bottom(example, capfd):
    script = page_block("python", "from fdp_bench.demos.record import record")
    (example / "demos.py").write_text(script.replace("episodes=120", "episodes=12"))
    suite = page_block("toml", 'tasks = ["reach.toml"]').replace("steps = 2000", "steps = 2")
    suite = (
        suite.replace("[1, 3, 5]", "[3]")
        .replace("[25, 100]", "[3]")
        .replace("demos", "episodes = 1\ndemos", 1)
    )
    (example / "reach-suite.toml").write_text(suite)

    page = commands()
    ran = {shlex.split(command)[1] for command in page}
    wanted = {"train", "run", "report", "compare", "diagnose", "baseline", "check", "sweep"}
    assert wanted <= ran
    for command in page:
        words = shlex.split(command.replace("--steps 2000", "--steps 4"))
        registry._remembered.clear()
        if words[0] == "python":
            runpy.run_path(words[1])
            continue
        more = shlex.split(LESS.get(words[1], ""))
        code = main(words[1:] + more)
        shown = capfd.readouterr()
        assert code in (0, CANNOT_TELL if words[1] == "check" else 0), (command, shown.out, shown.err)

    for made in ("report/report.html", "sweep-report/report.html", "diagnosis/diagnosis.txt", "reach.json"):
        assert (example / made).stat().st_size > 0

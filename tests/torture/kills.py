"""Kill -9 of a run's driver, or of one of its workers, at random moments, resumed each time."""

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.torture.plugins import installed

WHAT = "`kill -9` of a run's driver or of a worker at random moments, resumed each time"


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Kill a hundred times (four if `quick`) and count what is lost, doubled or different."""
    with tempfile.TemporaryDirectory() as name:
        path = installed(Path(name) / "plugins")
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runner"))
        from killing import kill_at_random

        tally = kill_at_random(
            Path(name), {**os.environ, "PYTHONPATH": path}, moments=4 if quick else 100, seed=0, delay_s=0.1
        )
    spoiled = tally.lost or tally.doubled or tally.different or tally.failures
    return {
        **asdict(tally),
        "kills": dict(tally.kills),
        "moments": sum(tally.kills.values()),
        "passed": not spoiled,
    }


def words(figures: dict[str, Any]) -> str:
    """The figures in a sentence."""
    kills = figures["kills"]
    within = sum(records > 0 for records in figures["records_at_kill"])
    return (
        f"{figures['moments']} kills ({kills.get('driver', 0)} of the driver, {within} of those after its first "
        f"episodes; {kills.get('worker', 0)} of workers) in {figures['runs']} runs: {figures['lost']} episodes lost, "
        f"{figures['doubled']} doubled, {figures['different']} runs different from an undisturbed one"
    )

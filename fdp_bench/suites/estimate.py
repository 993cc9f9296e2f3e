"""How long a sweep will take, by what this machine took before, or by constants; and which of the two."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import RunError
from fdp_bench.api.validation import check_entries, check_value, read_json
from fdp_bench.records.manifest import Manifest
from fdp_bench.records.store import MANIFEST_NAME
from fdp_bench.suites.cells import Cell

#: Measured while the bundled weights were trained and evaluated: two cores without a GPU, both busy. A gradient
#: step of the default recipe on one core (0.14-0.17), and an episode of Lift in one of two workers (0.8-1.1).
SECONDS_A_STEP = 0.16
SECONDS_AN_EPISODE = 1.1
#: Collecting one demonstration of Lift there took 165 s / 200.
SECONDS_A_DEMONSTRATION = 0.8
#: Steps of a recipe that names none.
DEFAULT_STEPS = 7_000
#: Runs and trainings with fewer are mostly start-up and say little.
_ENOUGH_EPISODES = 20
_ENOUGH_STEPS = 500
#: What is read of a sweep's training.
_TRAINING: Mapping[str, Any] = {"wall_time_s": float, "steps": int, "machine": Mapping[str, Any]}


@dataclass(frozen=True)
class Pace:
    """Seconds that things take.

    Attributes:
        step_s: One gradient step.
        episode_s: One episode, in one worker.
        step_source: Where the first comes from, in words.
        episode_source: Where the second comes from.
    """

    step_s: float
    episode_s: float
    step_source: str
    episode_source: str


def measure_pace(sweeps: Iterable[Path], runs: Iterable[Path], machine: Mapping[str, Any]) -> Pace:
    """Pace of this machine in earlier sweeps and runs, medians; the package's constants where there are none.

    Args:
        sweeps: ``sweep.json`` files.
        runs: Folders of runs.
        machine: This machine, as `fdp_bench.records.provenance.machine` tells it.
    """
    steps = [pace for path in sweeps for pace in _step_paces(path, machine)]
    episodes = [pace for path in runs for pace in _episode_paces(path, machine)]
    constant = "the package's constants, measured on 2 cores without a GPU"
    return Pace(
        statistics.median(steps) if steps else SECONDS_A_STEP,
        statistics.median(episodes) if episodes else SECONDS_AN_EPISODE,
        _earlier(len(steps), "training") if steps else constant,
        _earlier(len(episodes), "run") if episodes else constant,
    )


def training_steps(cell: Cell) -> int:
    """Gradient steps that training a cell takes at most, by its settings."""
    steps = int(cell.settings.get("steps", DEFAULT_STEPS))
    base, residual = (int(cell.settings.get(f"{part}_steps", 0)) for part in ("base", "residual"))
    if not (base or residual):
        return steps
    base = base or round(steps * float(cell.settings.get("base_fraction", 0.5)))
    return base + (residual or max(1, steps - base))


def duration(seconds: float) -> str:
    """Seconds in words: ``"about 3 min"``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def _earlier(count: int, what: str) -> str:
    return f"the median of {count} earlier {what}{'' if count == 1 else 's'} on this machine"


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in ("cpu", "cores", "gpu"))


def _step_paces(path: Path, machine: Mapping[str, Any]) -> list[float]:
    try:
        trainings = read_json(path).get("trainings", [])
        check_value(trainings, Sequence[Mapping[str, Any]], "trainings")
        for entry in trainings:
            check_entries(entry, _TRAINING, "trainings[]", needed=tuple(_TRAINING))
    except (OSError, ValueError):
        # A sweep of another version, or one being written: it only helps to guess.
        return []
    return [
        entry["wall_time_s"] / entry["steps"]
        for entry in trainings
        if entry["steps"] >= _ENOUGH_STEPS and entry["wall_time_s"] > 0 and _same(entry["machine"], machine)
    ]


def _episode_paces(folder: Path, machine: Mapping[str, Any]) -> list[float]:
    try:
        manifest = Manifest.read(folder / MANIFEST_NAME)
    except RunError:
        return []
    if not _same(manifest.machine, machine):
        return []
    paces = []
    for invocation in manifest.invocations:
        try:
            began, ended = (datetime.fromisoformat(invocation[key]) for key in ("started", "ended"))
            episodes, workers = invocation["episodes"], invocation["workers"]
            elapsed_s = (ended - began).total_seconds()
        except (KeyError, TypeError, ValueError):
            # Under way, stopped by force, or a time with a zone and one without.
            continue
        if episodes >= _ENOUGH_EPISODES and workers > 0 and elapsed_s > 0:
            paces.append(elapsed_s * workers / episodes)
    return paces

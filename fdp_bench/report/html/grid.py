"""Every episode as a small mark: what came of it, and its video where there is one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fdp_bench.api import EpisodeRecord
from fdp_bench.api.validation import is_folder
from fdp_bench.records.store import VIDEOS_NAME
from fdp_bench.report.names import shift_title, short_task
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.summary import by_arm
from fdp_bench.report.tables.trainings import find_trainings, name_policies, tasks_of

#: Outcome -> mark that tells it without colour.
MARKS = {"ok": "·", "fail": "×", "error": "!"}
#: Letters of an error's text that a mark's hover text shows; the list below the grid has more of it.
_SHORT_ERROR, _LONG_ERROR = 160, 2000
#: Episodes above which a page does without the grid, to stay within its size.
MOST_MARKS = 30_000


@dataclass(frozen=True)
class Mark:
    """One episode.

    Attributes:
        outcome: Key of `MARKS`.
        text: Seed, index and what came of it.
        video: Address of its video relative to the page; empty where there is none.
    """

    outcome: str
    text: str
    video: str = ""


@dataclass(frozen=True)
class GridRow:
    """One arm.

    Attributes:
        policy: Its name.
        successes: Number of successes.
        marks: One an episode, by run seed and index.
        failed: Indices of the failures, ``"0-3, 7"``; with their seeds where there are several.
        errors: Whole texts of the episodes that ended in an error.
    """

    policy: str
    successes: int
    marks: tuple[Mark, ...]
    failed: str
    errors: tuple[str, ...]

    @property
    def has_videos(self) -> bool:
        """Whether a mark leads to a video."""
        return any(mark.video for mark in self.marks)


def episode_grid(runs: Runs, page_folder: Path) -> dict[str, list[GridRow]]:
    """Shift as people read it -> its arms, in the order of the tables; empty above `MOST_MARKS` episodes.

    Args:
        runs: What is reported.
        page_folder: Where the page lies, for the links to videos.
    """
    if len(runs.records) > MOST_MARKS:
        return {}
    videos = _videos(runs, page_folder)
    names = name_policies(find_trainings(runs.records), tasks_of(runs.records))
    several = len({record.spec.task for record in runs.records}) > 1
    grid: dict[str, list[GridRow]] = {}
    for (task, policy, checkpoint, shift, _), episodes in by_arm(runs.records).items():
        title = shift_title(shift)
        records = [record for _, record in sorted(episodes.items(), key=lambda pair: pair[0])]
        marks = tuple(_mark(record, videos.get(record.spec.id, "")) for record in records)
        successes = sum(mark.outcome == "ok" for mark in marks)
        errors = tuple(_text(record, _LONG_ERROR) for record in records if _outcome(record) == "error")
        row = GridRow(names[policy, checkpoint], successes, marks, _failed(records), errors)
        grid.setdefault(f"{short_task(task)}: {title}" if several else title, []).append(row)
    return grid


def _mark(record: EpisodeRecord, video: str) -> Mark:
    return Mark(_outcome(record), _text(record, _SHORT_ERROR), video)


def _outcome(record: EpisodeRecord) -> str:
    if record.status != "ok":
        return "error"
    return "ok" if record.success_once else "fail"


def _failed(records: Sequence[EpisodeRecord]) -> str:
    by_seed: dict[int, list[int]] = {}
    for record in records:
        if _outcome(record) == "fail":
            by_seed.setdefault(record.spec.run_seed, []).append(record.spec.index)
    texts = [_ranges(sorted(indices)) for indices in by_seed.values()]
    if len(by_seed) < 2:
        return "".join(texts)
    return "; ".join(f"seed {seed}: {text}" for seed, text in zip(by_seed, texts, strict=True))


def _ranges(numbers: Sequence[int]) -> str:
    """``[0, 1, 2, 7]`` as ``"0-2, 7"``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in ranges)


def _text(record: EpisodeRecord, most: int) -> str:
    spec = record.spec
    where = f"episode {spec.index}, seed {spec.run_seed}"
    if record.status != "ok":
        text = " ".join(record.error.split())
        return f"{where}: error: {text if len(text) <= most else text[: most - 1] + '…'}"
    if not record.success_once:
        return f"{where}: no success, {record.steps} steps"
    held = "" if record.success_held else ", not held"
    return f"{where}: success{held}, {record.steps} steps"


def _videos(runs: Runs, page_folder: Path) -> Mapping[str, str]:
    """Episode's id -> address of its video, of those that are on disk."""
    found: dict[str, str] = {}
    for path, manifest in zip(runs.paths, runs.manifests, strict=True):
        folder = path / VIDEOS_NAME
        if not is_folder(folder):
            continue
        there = {entry.name for entry in folder.iterdir() if entry.is_file()}
        task = manifest.config.get("task")
        slugs = {(arm["policy"], arm["checkpoint"], arm["shift"]): arm["slug"] for arm in manifest.arms}
        here = os.path.relpath(folder, page_folder)
        for record in _of_task(runs.records, task):
            spec = record.spec
            slug = slugs.get((spec.policy, spec.checkpoint, spec.shift))
            name = f"{slug}_{spec.index:04d}.mp4"
            if slug and name in there:
                found.setdefault(spec.id, quote(f"{here}/{name}"))
    return found


def _of_task(records: Sequence[EpisodeRecord], task: object) -> list[EpisodeRecord]:
    return [record for record in records if record.spec.task == task]
